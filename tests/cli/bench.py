#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-bench: every command on a small shape, the JSON's schema and the sums in it."""
import json
import math
import sys

from cli_test import DATA, SKIPPED, Tests

MODEL = DATA / 'tiny-tied-f32.gguf'
SHORT = ('--shape', 'demo', '--repeat', 2)
TOP = {'version': str, 'command': str, 'device': str, 'driver': str, 'clock': str, 'shape': dict,
       'weight_type': str, 'tier': str, 'chunk': int, 'repeat': int, 'roofs': list, 'roof': str,
       'roof_tflops': float, 'copy_gb_per_second': float, 'peak_device_bytes': int,
       'results': list}
KEPT = {'kv_type': str}
GRAPH = {'kv_type': str, 'variants': str}
SHAPE = {'name': str, 'architecture': str, 'n_layers': int, 'hidden': int, 'n_heads': int,
         'n_kv_heads': int, 'head_dim': int, 'ffn': int, 'vocab': int, 'context_length': int,
         'norm_eps': float, 'rope_base': float, 'tied': bool}
TIMES = {'seconds': float, 'seconds_least': float, 'seconds_most': float, 'spread': float,
         'tflops': float, 'roof_share': float}
WALK = {'length': int, 'device_tokens': int, 'tokens_per_second': float, 'device_seconds': float,
        'busy': float, 'nll': float}
ROWS = {
    'forward': WALK,
    'table': {**WALK, 'lengths': list, 'methods': list},
    'matmul': {'matrix': str, 'type': str, 'm': int, 'n': int, 'k': int,
               'error': float},
    'attention': {'length': int, 'n_heads': int, 'n_kv_heads': int, 'head_dim': int,
                  'error': float},
}
# What rows have on cooperative matrices.
TILES = {'matmul': {'variant': str, 'tile': str}, 'attention': {'tile': str}}
VARIANT = {'matmul': {'variant': str}, 'attention': {'variant': str}}
DEMO = {'n_layers': 6, 'hidden': 256, 'n_heads': 4, 'n_kv_heads': 2, 'head_dim': 64, 'ffn': 704,
        'vocab': 4096, 'context_length': 512, 'tied': True}


def check_types(t, what, found, want):
    t.check(set(found) == set(want), f'{what}: keys {sorted(found)}, want {sorted(want)}')
    for key, kind in want.items():
        t.check(type(found.get(key)) is kind, f'{what}: {key} is {found.get(key)!r}')


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6)


def bench(t, command, *arguments):
    done = t.run(command, *arguments, '--format', 'json')
    t.check(done.stderr == '', f'{command}: stderr: {done.stderr!r}')
    root = json.loads(done.stdout)
    extra = {'matmul': {}, 'attention': KEPT}.get(command, GRAPH)
    check_types(t, command, root, {**TOP, **extra})
    check_types(t, 'shape', root['shape'], SHAPE)
    t.check(root['command'] == command, f'{command}: says {root["command"]}')
    best = max(root['roofs'], key=lambda roof: roof['tflops'])
    t.check(close(best['tflops'], root['roof_tflops']) and best['name'] == root['roof'],
            f'roofs {root["roofs"]}, {root["roof"]}')
    matrix = root['tier'] == 'matrix'
    t.check(matrix or root['tier'] == 'rows', f'tier {root["tier"]}')
    own = (TILES if matrix else VARIANT).get(command, {})
    t.check(root['copy_gb_per_second'] > 0 and root['peak_device_bytes'] > 0, f'{command}: {root}')
    for row in root['results']:
        unpack = {'unpack': str} if matrix and row.get('type', '').startswith(('Q', 'IQ')) else {}
        check_types(t, f'{command} row', row, {**ROWS[command], **own, **unpack, **TIMES})
        t.check(0 < row['seconds_least'] <= row['seconds'] <= row['seconds_most'], f'times {row}')
        t.check(close(row['spread'] * row['seconds'], row['seconds_most'] - row['seconds_least'])
                or row['spread'] == 0, f'spread {row}')
        t.check(close(row['roof_share'] * root['roof_tflops'], row['tflops']), f'share {row}')
        if 'error' in row:
            t.check(row['error'] < (8e-3 if matrix else 1e-3), f'error {row}')
    return root


def operations(row):
    return row['tflops'] * row['seconds'] * 1e12


def forward_operations(tokens, pairs):
    d = DEMO
    query, kv = d['n_heads'] * d['head_dim'], d['n_kv_heads'] * d['head_dim']
    layer = d['hidden'] * (2 * query + 2 * kv + 3 * d['ffn'])
    products = tokens * (d['n_layers'] * layer + d['hidden'] * d['vocab'])
    return 2 * products + 4 * d['n_layers'] * query * pairs


def check_walk(t, row):
    t.check(0 < row['busy'] <= 1.01, f'busy {row}')
    t.check(close(row['tokens_per_second'] * row['seconds'], row['device_tokens']), f'rate {row}')
    # Random weights say nothing: an even guess, and half a nat for logits of variance 1.
    t.check(abs(row['nll'] - math.log(DEMO['vocab']) - 0.5) < 0.3, f'NLL {row}')


def test_forward(t):
    root = bench(t, 'forward', *SHORT, '--lengths', '64,200', '--chunk', 64, '--kv-type', 'f16')
    t.check({**root['shape'], **DEMO} == root['shape'], f'the demo has shape {root["shape"]}')
    t.check([root['chunk'], root['kv_type'], root['weight_type']] == [64, 'F16', 'F16'],
            f'chunk, kv_type, weight_type: {root}')
    t.check([row['length'] for row in root['results']] == [64, 200], 'lengths')
    for row in root['results']:
        check_walk(t, row)
        want = forward_operations(row['length'], row['length'] * (row['length'] + 1) / 2)
        t.check(close(operations(row), want), f'operations {row}, want {want}')


def test_model_file(t):
    root = bench(t, 'forward', '--model', MODEL, '--lengths', '40', '--repeat', 1)
    t.check(root['weight_type'] == 'F32' and root['shape']['name'] == 'tiny-tied', f'file {root}')
    rows = bench(t, 'matmul', '--model', MODEL, '--lengths', '5', '--repeat', 1)['results']
    t.check({row['type'] for row in rows} == {'F32'}, f'types {rows}')


def test_table(t):
    root = bench(t, 'table', *SHORT, '--lengths', '256,128', '--original-max-len', 64, '--type',
                 'bf16')
    row = root['results'][0]
    t.check(len(root['results']) == 1 and row['lengths'] == [128, 256] and row['length'] == 256,
            f'lengths {row}')
    t.check(row['methods'] == ['baseline', 'hybrid:cf=1.5', 'hybrid:cf=2'], f'methods {row}')
    # One shared prefix of 64 tokens, then each method alone.
    t.check(row['device_tokens'] == 64 + 3 * 192, f'device_tokens {row}')
    pairs = 64 * 65 / 2 + 3 * (256 * 257 / 2 - 64 * 65 / 2)
    t.check(close(operations(row), forward_operations(row['device_tokens'], pairs)), f'{row}')
    check_walk(t, row)
    t.check(root['weight_type'] == 'BF16', 'weight_type')


def test_matmul(t):
    rows = bench(t, 'matmul', *SHORT, '--lengths', '70', '--type', 'q8_0', '--caps-mask',
                 'matrix16', '--variant', 'matmul=floor')['results']
    sizes = {row['matrix']: (row['n'], row['k']) for row in rows}
    t.check(sizes == {'qkv': (512, 256), 'o': (256, 256), 'up': (704, 256),
                      'gate and up': (1408, 256), 'down': (256, 704)}, f'matrices {sizes}')
    for row in rows:
        t.check((row['m'], row['type'], row['variant']) == (70, 'Q8_0', 'floor'), f'row {row}')
        t.check(close(operations(row), 2 * row['m'] * row['n'] * row['k']), f'operations {row}')


def test_matrix(t):
    """Where the forward pass runs on cooperative matrices, so do its products."""
    root = bench(t, 'matmul', *SHORT, '--lengths', '70')
    if root['tier'] == 'rows':
        return
    sizes = [(row['matrix'], row['n'], row['k']) for row in root['results']]
    t.check(sizes[-1] == ('head', 4096, 256) and len(sizes) == 6, f'matrices {sizes}')
    for row in root['results']:
        t.check(close(operations(row), 2 * row['m'] * row['n'] * row['k']), f'operations {row}')
    t.check(bench(t, 'matmul', *SHORT, '--lengths', '70', '--type', 'f32')['tier'] == 'rows',
            'f32 on matrices')
    bench(t, 'matmul', *SHORT, '--lengths', '70', '--type', 'q8_0')


def test_attention(t):
    for kv_type in ('f16', 'f32', 'q8_0'):
        root = bench(t, 'attention', *SHORT, '--lengths', '2,300', '--kv-type', kv_type, '--chunk',
                     100)
        t.check(root['chunk'] == 128 and root['kv_type'] == kv_type.upper(), f'{root}')
        for row in root['results']:
            pairs = row['length'] * (row['length'] + 1) / 2
            t.check(close(operations(row), 4 * pairs * 4 * 64), f'operations {row}')


def test_text(t):
    lines = t.run('matmul', *SHORT, '--lengths', '16').stdout.splitlines()
    t.check([line.split()[0] for line in lines[:5]] == ['device', 'roof', 'model', 'memory', 'tier'],
            f'head {lines[:5]}')
    t.check(lines[1].split(' shares are of ')[-1] in lines[1].split(';')[0], lines[1])
    matrix = lines[4].split()[1] == 'matrix:'
    titles = lines[5].split()
    t.check(titles[:3] + titles[3 + matrix:6 + matrix] ==
            ['matrix', 'type', 'variant', 'm', 'n', 'k'], lines[5])
    t.check(len(lines) == 11 + matrix and lines[10].startswith(' down '), f'rows {lines[6:]}')


def test_usage(t):
    done = t.run('--help')
    for word in ('forward', 'matmul', 'attention', 'table', '--shape', '--model', '--lengths',
                 '--type', '--kv-type', '--chunk', '--device', '--variant', '--format', '--repeat',
                 'llama3-8b', 'Example', 'Exit codes'):
        t.check(word in done.stdout, f'--help does not tell about {word}')
    t.check(t.run('--version').stdout.startswith('vkhrope-bench '), '--version')
    t.fails(1, says='forward')
    t.fails(1, 'sideways', says='sideways')
    t.fails(1, 'forward', 'matmul', says=('matmul', 'forward'))
    t.fails(1, 'forward', '--shape', 'llama9-8b', says='llama9-8b')
    t.fails(1, 'forward', '--shape', 'demo', '--model', MODEL, says=('--shape', '--model'))
    t.fails(1, 'forward', '--model', MODEL, '--type', 'f16', says='--type')
    t.fails(1, 'forward', '--type', 'q9', says=('--type', 'q9', 'q8_0'))
    t.fails(1, 'forward', '--format', 'csv', says=('--format', 'csv', 'json'))
    t.fails(1, 'forward', '--kv-type', 'f8', says='--kv-type')
    for number in ('', '0', '1x', '-1', '1001'):
        t.fails(1, 'forward', f'--repeat={number}', says='--repeat')
    for number in ('', '1', '5,', 'a'):
        t.fails(1, 'forward', f'--lengths={number}', says='--lengths')
    t.fails(2, 'forward', '--model', 'missing.gguf', says='missing.gguf')


def test_refusals(t):
    demo = ('--shape', 'demo')
    t.fails(3, 'forward', *demo, '--device', '99', says='99')
    t.fails(1, 'forward', *demo, '--variant', 'matmul=nope', says='matmul=nope')
    t.fails(1, 'matmul', *demo, '--lengths', '4000000000', says=('--lengths', '4000000000'))
    t.fails(1, 'matmul', '--model', MODEL, '--type', 'q4_k', says=('qkv', '64', 'Q4_K', '--type'))
    few = {'VKHROPE_TEST_MINIMUM_LIMITS': '1'}
    t.fails(1, 'matmul', *demo, '--lengths', '200000', env=few, says=('length 200000', 'bytes'))
    t.fails(1, 'attention', *demo, '--lengths', '600000', env=few, says=('length 600000', 'bytes'))
    # More than there is, or on some drivers first more than a buffer's binding takes.
    done = t.run('forward', *demo, '--lengths', '16000000', code=None)
    t.check(done.returncode in (2, 4) and ' bytes' in done.stderr and done.stderr.count('\n') == 1, done)


def main():
    t = Tests(sys.argv[1])
    test_usage(t)
    if t.run('matmul', *SHORT, '--lengths', 2, code=None).returncode == 3:
        print('no Vulkan device', file=sys.stderr)
        return t.result() or SKIPPED
    test_refusals(t)
    test_forward(t)
    test_model_file(t)
    test_table(t)
    test_matmul(t)
    test_matrix(t)
    test_attention(t)
    test_text(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
