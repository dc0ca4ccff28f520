#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl: runs of a tiny model, every output, agreement of the formats."""
import csv
import io
import json
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

from cli_test import DATA, Tests

MODEL, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
EXPECTED = json.loads((DATA / 'tiny-tied-f32.gguf.expected.json').read_text())
COMMON = ('--model', MODEL, '--tokens', IDS)
METHODS = ('--method', 'baseline', '--method', 'hybrid:cf=1.5', '--method', 'hybrid:cf=2',
           '--method', 'linear:factor=4')
CELL = {'method': str, 'length': int, 'tokens_scored': int, 'nll': float, 'ppl': float,
        'stderr': float, 'compression_active': bool, 'vs_baseline_percent': float,
        'seconds': float, 'tokens_per_second': float, 'texts': int, 'text_stderr': float,
        'macro_nll': float, 'macro_ppl': float, 'macro_stderr': float}
NULLABLE = ('vs_baseline_percent', 'text_stderr', 'macro_stderr', 'window', 'stride', 'kl', 'bos',
            'shard')
KL = ['kl_mean', 'kl_stderr', 'kl_median', 'kl_p90', 'kl_p95', 'kl_p99', 'kl_max', 'same_top',
      'kl_method', 'kl_model']
CSV = [key for key in CELL if key != 'macro_nll']
ORIGIN = ['regime', 'original_max_len', 'model', 'weight_type', 'kv_type', 'device', 'table']
MARKDOWN = list(CELL)[:10]
TOP = {'version': str, 'model': str, 'architecture': str, 'weight_type': str, 'kv_type': str,
       'device': str, 'driver': str, 'variants': str, 'regime': str, 'window': int,
       'stride': int, 'bos': int, 'original_max_len': int, 'original_max_len_from_model': bool,
       'own_scaling': str, 'tokens_available': int, 'chunk': int, 'seconds': float,
       'device_seconds': float, 'longest_submit_seconds': float, 'device_tokens': int,
       'devices': int, 'shard': dict, 'methods': list, 'texts': list, 'results': list,
       'text_results': list, 'sweeps': list, 'kl': dict, 'curves': list, 'memory': dict}
MEMORY = {'weights': int, 'kv': int, 'activations': int, 'peak': int, 'device': int, 'limit': int,
          'fits': bool, 'walk': str, 'batches': int}


def no_constant(name):
    raise ValueError(f'{name} is not JSON')


def load(text):
    return json.loads(text, parse_constant=no_constant)


def check_types(t, what, found, want):
    t.check(list(found) == list(want), f'{what}: keys {list(found)}')
    for key, kind in want.items():
        value = found.get(key)
        t.check(type(value) is kind or (key in NULLABLE and value is None),
                f'{what}: {key} is {value!r}')


def check_json(t, root):
    check_types(t, 'JSON', root, TOP)
    check_types(t, 'memory', root['memory'], MEMORY)
    parts = [root['memory'][key] for key in ('weights', 'kv', 'activations')]
    t.check(all(part > 0 for part in parts), f'memory {parts}')
    baseline = {c['length']: c['ppl'] for c in root['results'] if c['method'] == 'baseline'}
    for cell in root['results']:
        check_types(t, 'cell', cell, CELL)
        t.check(cell['tokens_scored'] == cell['length'] - 1, f'{cell}: tokens_scored')
        t.check(math.isclose(cell['ppl'], math.exp(cell['nll']), rel_tol=1e-12), f'{cell}: ppl')
        t.check(cell['seconds'] > 0 and cell['stderr'] > 0, f'{cell}: seconds, stderr')
        t.check(math.isclose(cell['tokens_per_second'], cell['length'] / cell['seconds'],
                             rel_tol=1e-9), f'{cell}: tokens_per_second')
        if baseline:
            base = baseline[cell['length']]
            want = (base - cell['ppl']) / base * 100
            t.check(math.isclose(cell['vs_baseline_percent'], want, rel_tol=1e-9, abs_tol=1e-9),
                    f'{cell}: vs_baseline_percent, want {want}')
        else:
            t.check(cell['vs_baseline_percent'] is None, f'{cell}: gain without a baseline')


def cell_of(root, method, length):
    return next(c for c in root['results'] if (c['method'], c['length']) == (method, length))


def test_numbers(t):
    lengths = ','.join(map(str, reversed(EXPECTED['lengths'])))
    done = t.run(*COMMON, *METHODS, '--lengths', lengths, '--format', 'json')
    t.check(done.stderr == '', f'stderr: {done.stderr!r}')
    root = load(done.stdout)
    check_json(t, root)
    t.check([root['model'], root['weight_type'], root['original_max_len'],
             root['original_max_len_from_model'], root['tokens_available']]
            == ['tiny-tied', 'F32', 64, True, 300], 'the head of the JSON')
    for method in METHODS[1::2]:
        for length, want in zip(EXPECTED['lengths'], EXPECTED['ppl'][method]):
            got = cell_of(root, method, length)
            t.check(abs(got['ppl'] / want - 1) < 2e-4, f'{got}, want PPL {want}')
            active = method != 'baseline' and (length > 65 or method.startswith('linear'))
            t.check(got['compression_active'] == active, f'{got}: compression_active')
    return root


def test_formats(t):
    """One run into every format at once: they hold the same numbers."""
    done = t.run(*COMMON, '--lengths', '64,300', '-o', 'r.json', '-o', 'r.csv', '-o', 'r.md',
                 '-o', 'r.txt', '--plot', 'r.svg', '--nll', 'r.nll')
    t.check(done.stderr == '', f'stderr: {done.stderr!r}')
    t.check(done.stdout == (t.folder / 'r.txt').read_text(), 'the table differs from r.txt')
    root = load((t.folder / 'r.json').read_text())
    check_json(t, root)
    cells = root['results']
    t.check([(c['method'], c['length']) for c in cells] ==
            [(m, n) for m in ('baseline', 'hybrid:cf=1.5', 'hybrid:cf=2') for n in (64, 300)],
            'the default methods')
    check_csv(t, (t.folder / 'r.csv').read_text(), cells)
    check_markdown(t, (t.folder / 'r.md').read_text(), cells)
    check_table(t, done.stdout, root)
    check_nll(t, (t.folder / 'r.nll').read_text(), root)
    tree = xml.etree.ElementTree.parse(t.folder / 'r.svg')
    texts = {''.join(e.itertext()).strip() for e in tree.iter() if e.tag.endswith('}text')}
    t.check({'baseline', 'hybrid:cf=1.5', 'hybrid:cf=2', 'length (tokens)'} <= texts,
            f'the plot says {texts}')
    t.check(sorted(p.name for p in t.folder.glob('r.*')) ==
            ['r.csv', 'r.json', 'r.md', 'r.nll', 'r.svg', 'r.txt'], 'a temporary file stayed')


def check_csv(t, text, cells):
    rows = list(csv.DictReader(io.StringIO(text, newline='')))
    t.check(len(rows) == len(cells), f'{len(rows)} rows of CSV')
    for row, cell in zip(rows, cells):
        t.check(list(row) == CSV + KL + ORIGIN, f'columns {list(row)}')
        got = {'method': row['method'], 'compression_active': row['compression_active'] == 'true'}
        got.update({k: CELL[k](row[k]) if row[k] else None for k in CSV if k not in got})
        t.check(got == {k: cell[k] for k in CSV}, f'CSV {got}, JSON {cell}')
        t.check(not any(row[k] for k in KL), f'divergences without a comparison: {row}')


def check_markdown(t, text, cells):
    rows = [[field.strip() for field in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('|')]
    start = next(i for i, row in enumerate(rows) if row[0] == 'method')
    t.check(rows[start] == MARKDOWN, f'Markdown columns {rows[start]}')
    details = rows[start + 2:]
    t.check(len(details) == len(cells), f'{len(details)} rows of Markdown')
    for row, cell in zip(details, cells):
        t.check(row[:3] == [cell['method'], str(cell['length']), str(cell['tokens_scored'])],
                f'Markdown row {row}')
        t.check(row[6] == ('yes' if cell['compression_active'] else 'no'), f'Markdown row {row}')
        for column, key, tolerance in ((3, 'nll', 1e-6), (4, 'ppl', 1e-5), (5, 'stderr', 1e-2)):
            t.check(math.isclose(float(row[column]), cell[key], rel_tol=tolerance),
                    f'Markdown {row}, JSON {cell}')


def check_table(t, text, root):
    for word in (root['model'], root['device'], root['driver'], 'F32', 'training length',
                 '300 tokens available', 'PPL = exp(mean NLL'):
        t.check(word in text, f'{word!r} is not in the table')
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('length'))
    t.check(lines[start].split() == ['length', 'baseline', 'hybrid:cf=1.5', 'hybrid:cf=2', 'best',
                                     'improvement'], lines[start])
    for line, length in zip(lines[start + 1:start + 3], (64, 300)):
        fields = line.replace(' =', '').split()
        want = [cell_of(root, m, length)['ppl']
                for m in ('baseline', 'hybrid:cf=1.5', 'hybrid:cf=2')]
        t.check(fields[0] == str(length) and all(
            math.isclose(float(a), b, rel_tol=1e-3) for a, b in zip(fields[1:4], want)), line)
    t.check(lines[start + 1].count('=') == 2 and lines[start + 1].endswith('-'), 'marks at 64')
    best = max((c for c in root['results'] if c['length'] == 300 and c['compression_active']),
               key=lambda c: c['vs_baseline_percent'])
    want = f'{best["vs_baseline_percent"]:+.2f} %  {best["method"]}'
    t.check(lines[start + 2].endswith(want), f'{lines[start + 2]!r}, want the end {want!r}')


def check_nll(t, text, root):
    lines = [line.split('\t') for line in text.splitlines()]
    t.check(lines[0] == ['method', 'position', 'id', 'nll'], f'header {lines[0]}')
    ids = IDS.read_text().split()
    for method in ('baseline', 'hybrid:cf=1.5', 'hybrid:cf=2'):
        rows = [line for line in lines[1:] if line[0] == method]
        t.check([row[1:3] for row in rows] == [[str(i), ids[i]] for i in range(1, 300)],
                f'{method}: positions and ids')
        for length in (64, 300):
            mean = math.fsum(float(row[3]) for row in rows[:length - 1]) / (length - 1)
            t.check(math.isclose(mean, cell_of(root, method, length)['nll'], rel_tol=1e-6),
                    f'{method}: the NLLs up to {length} do not average to the table')


def test_outputs(t):
    short = (*COMMON, '--lengths', '100', '-m', 'hybrid:cf=2')
    done = t.run(*short, '--quiet')
    t.check(done.stdout.startswith('model ') and done.stderr == '', 'quiet without an output')
    t.check('baseline is not among the methods' in done.stdout, 'the note on the baseline')
    done = t.run(*short, '--quiet', '--output', 'q.json')
    t.check(done.stdout == '' and done.stderr == '', 'quiet with an output')
    check_json(t, load((t.folder / 'q.json').read_text()))
    done = t.run(*short, '--format', 'csv', '--output', 'c.json')
    t.check((t.folder / 'c.json').read_text().startswith('method,length'), '--format wins')
    t.check(done.stdout.startswith('model '), 'the table beside --format and --output')
    done = t.run(*short, '--format', 'markdown', '--output', '-')
    t.check(done.stdout.startswith('- model') and done.stdout.count('tokens_scored') == 1, 'to -')
    done = t.run(*short, '--format', 'markdown')
    t.check(done.stdout.startswith('- model'), 'Markdown on stdout')
    done = t.run(*short, '--verbose')
    t.check(done.stdout.startswith('model ')
            and re.search(r'weights: \d+\.\d+ GB uploaded in \d+\.\d+ s, ', done.stderr),
            f'verbose: {done.stderr!r}')
    with open('/dev/full', 'w') as full:
        done = subprocess.run([*t.command, *map(str, short)], stdout=full, stderr=subprocess.PIPE,
                              timeout=60)
        t.check(done.returncode == 2 and b'No space left' in done.stderr, f'full: {done}')
    for option in (('--output=/dev/full', '--format=csv'), ('--nll=/dev/full',)):
        done = t.run(*short, *option, code=2)
        t.check('No space left' in done.stderr and done.stdout.startswith('model '),
                f'{option}: {done.stderr!r}; an output that fails must not cost the others')


def test_defaults(t):
    done = t.run(*COMMON)
    t.check('no --lengths given' in done.stderr and '256' in done.stderr, done.stderr)
    rows = re.findall(r'^ +(\d+) ', done.stdout, re.M)
    t.check(rows == ['64', '128', '192', '256'], f'the default lengths {rows}')
    done = t.run(*COMMON, '--original-max-len', '1000', '--quiet')
    t.check('no length exceeds original_max_len 1000: every method equals the baseline' in
            done.stdout and '1000, given by the user' in done.stdout and done.stderr == '',
            done.stdout)
    root = load(t.run(*COMMON, '--original-max-len', '1000', '-q', '--format', 'json').stdout)
    t.check(len({c['ppl'] for c in root['results']}) == 1, 'the methods differ below the length')
    t.check(not root['original_max_len_from_model'], 'original_max_len_from_model')


def test_same_bits(t, reference):
    """The chunk changes nothing, standard input is a file like another."""
    lengths = ','.join(map(str, EXPECTED['lengths']))
    for chunk in (1, 100):
        root = load(t.run('--model', MODEL, '--tokens', '-', *METHODS, '--lengths', lengths,
                          '--format', 'json', '--chunk', chunk, input=IDS.read_bytes()).stdout)
        for cell in root['results']:
            want = cell_of(reference, cell['method'], cell['length'])
            t.check(cell['nll'] == want['nll'], f'--chunk {chunk}: {cell}, want {want}')


def test_plan(t):
    done = t.run(*COMMON, '--lengths', '300', '--memory-plan')
    rows = dict(re.findall(r'^(.+?)  +(\d+) bytes', done.stdout, re.M))
    t.check(set(rows) == {'weights', 'KV cache', 'activations', 'peak', 'limit', 'device'}, done.stdout)
    t.check(re.search(r'^fits +yes$', done.stdout, re.M), done.stdout)
    t.check(re.search(r'^KV type +F32$', done.stdout, re.M), done.stdout)
    again = t.run('--model', MODEL, '--lengths', '300', '--memory-plan')
    t.check(again.stdout == done.stdout, 'a plan without a text differs')
    root = load(t.run(*COMMON, '--lengths', '300', '--format', 'json').stdout)
    for name, key in (('weights', 'weights'), ('KV cache', 'kv'), ('peak', 'peak')):
        t.check(int(rows[name]) == root['memory'][key], f'{name}: {rows[name]} planned, '
                f'{root["memory"]} reported')


def test_limits(t):
    """What the device binds at once, 128 MiB here: one head's keys and values of 16 elements."""
    plan = ('--model', DATA / 'tiny-tied-f16.gguf', '--memory-plan', '--lengths')
    floor = {'VKHROPE_TEST_MINIMUM_LIMITS': '1'}
    done = t.run(*plan, 1060000, env=floor).stdout
    t.check(re.search(r'^KV type +F16\nfits +yes$', done, re.M), done)
    for options in ((1060000, '--kv-type', 'f32'), (1060000, '--kv-type', 'q8_0'), (2200000,)):
        t.fails(4, *plan, *options, env=floor,
                says=("tokens: one head's keys and values in", '134217728'))


def test_memory(t):
    """Less memory, another walk, the same numbers; and the least that will do."""
    common = (*COMMON, *METHODS, '--lengths', '300', '--kv-type', 'f32', '--chunk', '64')
    want = load(t.run(*common, '--format', 'json').stdout)
    t.check(want['memory']['walk'] == 'chunks' and want['memory']['batches'] == 1,
            want['memory'])
    told = t.fails(4, *common, '--memory', '1KiB', says='it may take 1024').stderr
    least = int(re.search(r'needs (\d+) bytes of device memory at the least', told)[1])
    t.fails(4, *common, '--memory', least - 1, says=str(least))
    done = t.run(*common, '--memory', least, '-o', t.folder / 'least.json')
    root = load((t.folder / 'least.json').read_text())
    t.check(root['memory']['walk'] == 'streamed' and root['memory']['peak'] == least,
            root['memory'])
    for cell in root['results']:
        t.check(cell['nll'] == cell_of(want, cell['method'], 300)['nll'], f'least memory: {cell}')
    t.check(re.search(r'^memory .*layer by layer, weights streamed, in \d+ batch', done.stdout,
                      re.M), done.stdout)
    more = least // 1024 + 1
    plan = t.run(*common, '--memory', f'{more}KiB', '--memory-plan').stdout
    t.check(re.search(rf'^limit +{more * 1024} bytes.*^walk +streamed$.*^batches +\d+$.*'
                      r'^chunk +64 tokens$', plan, re.M | re.S), plan)


def test_methods(t):
    for spec in ('', 'hybrid', 'hybrid:cf=nan', 'hybrid:cf=2x', 'nope', 'linear:factor=-1',
                 'baseline+'):
        t.fails(1, *COMMON, '--lengths', '100', '--method', spec, says=spec or 'method')
    t.fails(1, *COMMON, '--lengths', '100', '-m', 'hybrid:cf=1e-12',
            says='method hybrid:cf=1e-12: token 99 at position')
    root = load(t.run(*COMMON, '--lengths', '100', '--format', 'json', '-m', 'hybrid:cf=1.50',
                      '-m', 'linear:factor=2+hybrid:cf=2').stdout)
    t.check(root['results'][0]['method'] == 'hybrid:cf=1.5', 'the canonical spelling')
    t.check('+' in root['results'][1]['method'], 'a composed method')


def test_device(t):
    done = t.run('--list-devices')
    t.check(re.match(r'0: \S', done.stdout) and done.stderr == '', f'devices: {done.stdout!r}')
    name = re.match(r'0: (\w+)', done.stdout).group(1)
    short = (*COMMON, '--lengths', '100', '-m', 'baseline', '--format', 'json')
    for select in ('0', name, name.upper()):
        t.check(name in load(t.run(*short, '--device', select).stdout)['device'], select)
    t.fails(3, *short, '--device', '99', says='99')
    t.fails(3, *short, '--device', 'no such device', says='no such device')
    nothing = {'VK_ICD_FILENAMES': '/nonexistent', 'VK_DRIVER_FILES': '/nonexistent'}
    t.fails(3, *short, env=nothing)
    t.fails(3, '--list-devices', env=nothing)
    t.fails(1, *short, '--variant', 'matmul=nope', says='matmul=nope')
    t.fails(1, *short, '--variant', 'nope=floor', says='nope=floor')
    floor = {'VKHROPE_TEST_MINIMUM_LIMITS': '1'}
    plain, least = load(t.run(*short).stdout), load(t.run(*short, env=floor).stdout)
    t.check(math.isclose(plain['results'][0]['ppl'], least['results'][0]['ppl'], rel_tol=1e-4),
            'the floor tier gives another PPL')
    masked = load(t.run(*short, '--caps-mask', 'subgroup,cpu').stdout)
    t.check(math.isclose(plain['results'][0]['ppl'], masked['results'][0]['ppl'], rel_tol=1e-4),
            'masked capabilities give another PPL')


def test_not_a_number(t):
    whole = bytearray(MODEL.read_bytes())
    for code, values, says in (
            (2, [math.nan], ('nan.gguf', 'output_norm.weight')),
            (5, [3e38] * 64, ('tiny-tied, text 0', 'tiny-tied.ids', 'method baseline', 'the NLL'))):
        weights = struct.pack(f'<{len(values)}f', *values)
        whole[-len(weights):] = weights
        t.fails(code, '--model', t.write('nan.gguf', bytes(whole)), '--tokens', IDS, '--lengths',
                '100', '-m', 'baseline', '--output', 'nan.json', says=says)
        t.check(not (t.folder / 'nan.json').exists(), 'a NaN is a result')


def test_terminal(t):
    """Progress shows on a terminal, and only there."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen([*t.command, *map(str, COMMON), '--lengths', '300', '--chunk', '1'],
                            stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b''
    while True:
        try:
            got = os.read(ours, 4096)
        except OSError:
            break
        if not got:
            break
        seen += got
    out, _ = done.communicate(timeout=60)
    os.close(ours)
    t.check(done.returncode == 0 and b'tokens/s' in seen and b'left' in seen, f'progress {seen!r}')
    t.check(seen.endswith(b'\r\x1b[K') and b'\x1b' not in out, f'the line stays: {seen[-80:]!r}')


def test_interrupt(t):
    ids = t.write('long.ids', IDS.read_bytes() * 60)
    done = subprocess.Popen([*t.command, '--model', str(MODEL), '--tokens', str(ids), '--lengths',
                             '18000', '--chunk', '16', '--output', 'late.json'], cwd=t.folder,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.0)
    done.send_signal(signal.SIGINT)
    out, err = done.communicate(timeout=60)
    t.check(done.returncode == 130 and out == b'' and len(err.splitlines()) == 1,
            f'interrupted: {done.returncode}, {err!r}')
    t.check(not list(t.folder.glob('late.json*')), 'an output of an interrupted run')


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    root = test_numbers(t)
    test_formats(t)
    test_outputs(t)
    test_defaults(t)
    test_same_bits(t, root)
    test_plan(t)
    test_limits(t)
    test_memory(t)
    test_methods(t)
    test_device(t)
    test_not_a_number(t)
    test_terminal(t)
    test_interrupt(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
