#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The job files: GNU parallel's and Slurm's give the numbers of one run.

jobs.py VKHROPE-PPL. Slurm's own commands are played by a few lines of shell: an array's tasks one
after another, a dependent job after them.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA, JOBS = SOURCE / 'tests/golden/data', SOURCE / 'examples/jobs'
SBATCH = r'''#!/bin/bash
set -euo pipefail
for option; do
    case $option in
    --array=*) range=${option#--array=} ;;
    --wrap=*) command=${option#--wrap=} ;;
    --dependency=*) [ "$option" = --dependency=afterok:17 ] && [ -e "$PLAYED" ] || exit 9 ;;
    esac
done
for i in $(seq $(tr - ' ' <<<"${range:-1-1}")); do
    SLURM_ARRAY_TASK_ID=$i bash -c "$command" >>"$PLAYED"
done
echo 17
'''
failures = 0


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message, file=sys.stderr)


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=dict(os.environ, **environment))
    check(done.returncode == 0, f'{command}: {done}')
    return done


def cells(path):
    keys = ('method', 'length', 'nll', 'stderr', 'vs_baseline_percent', 'macro_stderr')
    return [[c[k] for k in keys] for c in json.loads(path.read_text())['results']]


def main(ppl):
    if subprocess.run([ppl, '--list-devices'], stdout=subprocess.DEVNULL).returncode == 3:
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ids = (DATA / 'tiny-tied.ids').read_text().split()
        (folder / 'some texts').mkdir()
        for i in range(3):
            (folder / 'some texts' / f'{i}.ids').write_text(' '.join(ids[10 * i:]))
        what = ('--model', DATA / 'tiny-tied-f32.gguf', '--tokens', folder / 'some texts',
                '--lengths', '64,200', '-m', 'baseline', '--sweep', 'hybrid:cf=1.5..3:0.5')
        run(ppl, *what, '-qo', folder / 'whole.json')
        whole = cells(folder / 'whole.json')

        slurm = folder / 'slurm out'
        (folder / 'bin').mkdir()
        (folder / 'bin/sbatch').write_text(SBATCH)
        (folder / 'bin/sbatch').chmod(0o755)
        done = run(JOBS / 'slurm.sh', 4, slurm, *what, VKHROPE_PPL=ppl,
                   PATH=f'{folder / "bin"}:{os.environ["PATH"]}', PLAYED=str(folder / 'played'))
        check(done.stdout == '17\n' and cells(slurm / 'results.json') == whole, f'Slurm: {done}')

        if not shutil.which('parallel'):
            print('GNU parallel is not installed', file=sys.stderr)
            return 1 if failures else 77
        out = folder / 'parallel out'
        done = run(JOBS / 'parallel.sh', 4, 2, out, *what, VKHROPE_PPL=ppl)
        check(cells(out / 'results.json') == whole, f'parallel: {done}')
        check(sorted(p.name for p in out.glob('results.*')) ==
              ['results.csv', 'results.html', 'results.json'], 'the results')
        before = {p.name: p.stat().st_mtime_ns for p in out.glob('shard-*.json')}
        check(len(before) == 4, f'shards {before}')
        run(JOBS / 'parallel.sh', 4, 2, out, *what, VKHROPE_PPL=ppl)
        check(before == {p.name: p.stat().st_mtime_ns for p in out.glob('shard-*.json')},
              'finished shards were computed again')
        (out / 'shard-3.json').unlink()
        run(JOBS / 'parallel.sh', 4, 2, out, *what, VKHROPE_PPL=ppl)
        check(cells(out / 'results.json') == whole, 'a shard that was deleted')
        other = (JOBS / 'parallel.sh', 4, 2, out, *what, '-m', 'linear:factor=2')
        done = subprocess.run(list(map(str, other)), stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, VKHROPE_PPL=str(ppl)))
        check(done.returncode == 1 and 'has the shards of another command' in done.stderr,
              f'other options: {done}')
        check(cells(out / 'results.json') == whole, 'other options changed the results')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
