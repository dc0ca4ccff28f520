# SPDX-License-Identifier: MIT
"""Tokens a second against length, a line for each program, drawn by gnuplot."""
import shutil
import subprocess
import sys

import summary


def script(results, path):
    rates = {who: of for who, of in summary.forward_rates(results).items() if of}
    shape = results['ours']['forward']['shape']['name']
    device = results['ours']['forward']['device'].replace("'", '')
    blocks = [f'$d{i} << EOD\n' + ''.join(f'{n} {rate}\n' for n, rate in sorted(of.items()))
              + 'EOD\n' for i, of in enumerate(rates.values())]
    lines = ', '.join(f"$d{i} using 1:2 with linespoints lw 2 pt 7 title '{who}'"
                      for i, who in enumerate(rates))
    longest = max(n for of in rates.values() for n in of)
    return (''.join(blocks) + "set terminal svg size 800,500 enhanced font 'sans,13'\n"
            f"set output '{path}'\nset title '{shape} on {device}' noenhanced\n"
            "set xlabel 'length (tokens)'\nset ylabel 'tokens/s'\nset grid\nset key bottom left\n"
            f'set xrange [0:{longest * 1.05}]\nset yrange [0:*]\nplot {lines}\n')


def draw(results, path):
    if not shutil.which('gnuplot'):
        print(f'{path}: plots need gnuplot, which is not installed', file=sys.stderr)
        return
    subprocess.run(['gnuplot', '-d'], input=script(results, path), text=True, check=True)
