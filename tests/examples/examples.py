#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the examples and compares what they print with vkhrope-ppl.

examples.py VKHROPE-PPL PERPLEXITY TWO_SESSIONS SURPRISE|''
"""
import json
import math
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = SOURCE / 'tests/golden/data'
DEMO, TINY, IDS = SOURCE / 'models/vkhrope-demo.gguf', DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
failures = 0


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message, file=sys.stderr)


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    check(done.returncode == 0 and done.stderr == '', f'{command}: {done}')
    return done.stdout


def main(ppl, perplexity, two_sessions, surprise):
    if subprocess.run([ppl, '--list-devices'], stdout=subprocess.DEVNULL).returncode == 3:
        return 77
    numbers = re.compile(r'^ *(?:200|400) .*$', re.M)
    text = SOURCE / 'models/README.md'
    mine = run(perplexity, DEMO, text, 200, 400)
    tool = run(ppl, '--model', DEMO, '--text', text, '--lengths', '200,400')
    check(len(numbers.findall(mine)) == 2 and numbers.findall(mine) == numbers.findall(tool),
          f'perplexity prints {mine}, vkhrope-ppl {tool}')

    table = json.loads(run(ppl, '--model', TINY, '--tokens', IDS, '--lengths', '300', '-m',
                           'baseline', '-m', 'hybrid:cf=2', '-m', 'hybrid:cf=1.5', '--format',
                           'json'))
    want = {cell['method']: cell['ppl'] for cell in table['results']}
    lines = [line.split() for line in run(two_sessions, TINY, IDS).splitlines()]
    check([line[0] for line in lines] == ['baseline', 'hybrid:cf=2'], f'two_sessions: {lines}')
    for method, ppl_text in lines:
        check(math.isclose(float(ppl_text), want[method], rel_tol=1e-6),
              f'two_sessions: {method} {ppl_text}, want {want[method]}')
    if surprise:
        out = run(surprise, TINY, IDS)
        guesses = re.match(r'next:((?: \d+){5})\nsurprise: token (\d+) ([\d.]+) nats\n$', out)
        check(guesses and len(set(guesses[1].split())) == 5, f'surprise: {out}')
        worst = int(guesses[2])
        check(0 < worst < 300 and float(guesses[3]) > math.log(want['hybrid:cf=1.5']),
              f'surprise: {out}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
