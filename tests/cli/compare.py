#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/compare: its results with programs in place of PyTorch and llama.cpp that answer in known
numbers, and without them; with PyTorch itself where VKHROPE_TEST_TORCH names a Python that has it."""
import json
import math
import os
import pathlib
import re
import stat
import subprocess
import sys
import xml.etree.ElementTree

from cli_test import SKIPPED, SOURCE, Tests

sys.path.insert(0, str(SOURCE / 'tools/compare'))
import random_gguf  # noqa: E402

COMPARE = SOURCE / 'tools/compare/compare.py'
SMALL = ('--shape', 'demo', '--repeat', 1, '--lengths', '64,128', '--matmul', 32, '--attention',
         64, '--table', '96,128', '--original-max-len', 64)

LLAMA = '''#!{python}
import json, pathlib, shutil, sys
if sys.argv[1] == '--list-devices':
    print('Available devices:\\n  CUDA0: a GPU (1 MiB)\\n  CUDA1: another\\n  Vulkan0: a GPU')
    sys.exit()
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if given['-dev'] == 'Vulkan0':
    sys.exit('no such luck')
shutil.copy(given['-m'], '{folder}/seen.gguf')
print(json.dumps([{{'n_prompt': int(n), 'samples_ns': [3e9, 1e9, 2e9]}}
                  for n in given['-p'].split(',')]))
'''

PYTHON = '''#!{python}
import json, pathlib, sys
if sys.argv[1] == '-c':
    sys.exit()
job = json.load(sys.stdin)
pathlib.Path('{folder}/job.json').write_text(json.dumps(job))
print(json.dumps({{
    'torch': '2', 'transformers': '5', 'cuda': '12', 'device': 'a GPU',
    'matmul': [dict(p, type=t, tflops=2.0) for p in job['products'] for t in ('F16', 'BF16')],
    'attention': [{{'length': n, 'tflops': 4.0}} for n in job['attention']],
    'forward': [{{'length': 64, 'seconds': 0.5, 'tokens_per_second': 128.0}},
                {{'length': 128, 'failed': 'out of memory'}}],
    'table': {{'passes': 6, 'seconds': 100.0, 'peak_bytes': 2**30}}}}))
'''


def program(t, name, text):
    path = t.write(name, text.format(python=sys.executable, folder=t.folder))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def load(t, folder):
    """compare.json, when the other outputs hold what it holds."""
    root = json.loads((t.folder / folder / 'compare.json').read_text())
    text = (t.folder / folder / 'compare.md').read_text()
    rows = re.findall(r'^\| (.*?) \| (.*?) \| ', text, re.M)[1:]
    t.check(rows == [(f['figure'], f['unit']) for f in root['figures']], f'rows {rows}')
    return root, text


def by_figure(root, start):
    return next(f for f in root['figures'] if f['figure'].startswith(start))


def check_ids(t, ids):
    """The job's ids are those that vkhrope-bench makes: the first of xorshift64* from 1."""
    t.check(len(ids) == 128 and all(0 <= i < 4096 for i in ids), f'ids {ids}')
    t.check(ids[0] == 0x47e4ce4b896cdd1d % 4096, f'first id {ids[0]}')


def test_with_peers(t, bench):
    llama = program(t, 'llama-bench', LLAMA)
    python = program(t, 'fake-python', PYTHON)
    done = t.run('--bench', bench, '--python', python, *SMALL, '--output', 'both',
                 env={'PATH': f'{llama.parent}:/usr/bin:/bin'})
    root, text = load(t, 'both')
    t.check(done.stdout == text, 'stdout is not compare.md')
    job = json.loads((t.folder / 'job.json').read_text())
    check_ids(t, job['ids'])
    t.check(job['shape'] == root['ours']['forward']['shape'], f'shape {job["shape"]}')
    t.check([job['forward'], job['attention'], job['table'], job['original_max_len']] ==
            [[64, 128], [64], [96, 128], 64], f'job {job}')
    forward = by_figure(root, 'forward, 64 tokens')
    t.check(forward['peers'] == {'PyTorch': 128.0, 'llama.cpp CUDA': 32.0}, f'{forward}')
    t.check(forward['ratios']['llama.cpp CUDA'] == forward['ours'] / 32, f'{forward}')
    t.check(by_figure(root, 'forward, 128 tokens')['peers'] == {'llama.cpp CUDA': 64.0},
            'PyTorch was out of memory')
    table = by_figure(root, 'table, 2 lengths x 3 methods')
    t.check(table['ratios'] == {'PyTorch, 6 passes': 100 / table['ours']}, f'{table}')
    t.check(by_figure(root, 'peak memory')['peers'] == {'PyTorch': 1.0}, 'peak memory')
    up = by_figure(root, 'up, 32 x 704 x 256')
    t.check(up['peers'] == {'PyTorch F16': 2.0, 'PyTorch BF16': 2.0}, f'{up}')
    t.check('vkhrope F16' in by_figure(root, 'forward in Q8_0')['peers'], 'Q8_0 beside F16')
    for note in ('forward at 128 tokens: out of memory', 'Vulkan0: exit code 1, no such luck'):
        t.check(note in text, f'{note!r} is not in {text}')
    check_gguf(t, bench, 'seen.gguf', 'F16',
               {'name': 'demo', 'n_layers': 6, 'hidden': 256, 'vocab': 4096, 'tied': True})
    check_plot(t, 'both', {'vkhrope', 'PyTorch', 'llama.cpp CUDA'})


def check_gguf(t, bench, name, weight_type, shape):
    """A random GGUF is a model of the shape, in weights of the type."""
    done = subprocess.run([bench, 'matmul', '--model', t.folder / name, '--lengths', '2',
                           '--repeat', '1', '--format', 'json'], capture_output=True, text=True)
    t.check(done.returncode == 0, f'{name}: {done.stderr}')
    root = json.loads(done.stdout)
    t.check({key: root['shape'][key] for key in shape} == shape
            and root['weight_type'] == weight_type, f'{name} says {root["shape"]}')


def test_types(t, bench):
    """Blocks of 32 and of 256, with and without a minimum; rows that they do not divide."""
    shape = {'architecture': 'llama', 'name': 'small', 'vocab': 300, 'context_length': 64,
             'n_layers': 1, 'hidden': 256, 'ffn': 512, 'n_heads': 4, 'n_kv_heads': 2,
             'head_dim': 64, 'rope_base': 10000.0, 'norm_eps': 2 ** -17, 'tied': False}
    for name in ('Q4_0', 'Q5_1', 'Q4_K', 'Q6_K'):
        random_gguf.write(t.folder / f'{name}.gguf', shape, name)
        check_gguf(t, bench, f'{name}.gguf', name, shape)
    try:
        random_gguf.write(t.folder / 'never.gguf', dict(shape, ffn=704), 'Q4_K')
        t.check(False, 'a row of 704 elements in blocks of 256')
    except ValueError as error:
        t.check('blk.0.ffn_down.weight: rows of 704' in str(error), f'{error}')


def check_plot(t, folder, lines):
    tree = xml.etree.ElementTree.parse(t.folder / folder / 'compare.svg')
    texts = {''.join(e.itertext()).strip() for e in tree.iter() if e.tag.endswith('}text')}
    t.check(lines <= texts, f'the plot says {texts}')


def test_without(t, bench):
    path = t.folder / 'path'
    path.mkdir()
    (path / 'python3').symlink_to(sys.executable)
    done = t.run('--bench', bench, '--python', 'no-such-python', *SMALL, '--type', 'bf16',
                 '--output', 'alone', env={'PATH': str(path)})
    root, text = load(t, 'alone')
    t.check(root['pytorch'] == {'missing': 'no-such-python is not a program'}, 'PyTorch')
    t.check(root['llama.cpp'] == {'missing': 'llama-bench is not on the PATH'}, 'llama.cpp')
    t.check('missing: PyTorch' in text and 'missing: llama.cpp' in text, f'{text}')
    t.check('plots need gnuplot' in done.stderr, f'{done.stderr!r}')
    t.check(all(not f['peers'] for f in root['figures']), 'figures of nobody')
    t.check(root['ours']['forward']['weight_type'] == 'BF16', '--type')


def test_pytorch(t, bench, python):
    """Compressed positions begin behind original_max_len, and nowhere else."""
    t.run('--bench', bench, '--python', python, *SMALL, '--table', '64,128', '--output', 'torch')
    found = load(t, 'torch')[0]['pytorch']
    t.check('missing' not in found, f'PyTorch: {found}')
    forward, table = found['forward'], found['table']
    for row in forward:
        t.check(abs(row['nll'] - math.log(4096)) < 1 and row['tokens_per_second'] > 0, f'{row}')
    baseline = table['nll']['baseline']
    t.check(table['passes'] == 6 and baseline == [row['nll'] for row in forward], f'{table}')
    for factor in ('1.5', '2'):
        hybrid = table['nll'][f'hybrid:cf={factor}']
        t.check(hybrid[0] == baseline[0] and hybrid[1] != baseline[1], f'cf={factor}: {hybrid}')
    t.check(found['parameters'] == 5475584, f'parameters {found["parameters"]}')
    t.check([row['type'] for row in found['matmul']] == ['F16', 'BF16'] * 5, f'{found["matmul"]}')


def main():
    bench = pathlib.Path(sys.argv[1]).resolve()
    t = Tests(COMPARE)
    probe = [bench, 'matmul', '--shape', 'demo', '--lengths', '2', '--repeat', '1']
    if subprocess.run(probe, capture_output=True).returncode == 3:
        print('no Vulkan device', file=sys.stderr)
        return SKIPPED
    test_with_peers(t, bench)
    test_without(t, bench)
    test_types(t, bench)
    if os.environ.get('VKHROPE_TEST_TORCH'):
        test_pytorch(t, bench, os.environ['VKHROPE_TEST_TORCH'])
    failed = t.run('--bench', bench, '--shape', 'no-such-shape', code=1)
    t.check('no-such-shape' in failed.stderr, f'{failed.stderr!r}')
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
