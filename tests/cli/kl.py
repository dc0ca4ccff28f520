#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl --kl and --kl-model: what they write, and what they refuse."""
import csv
import io
import json
import math
import re
import shutil
import sys

import made_model
from cli_test import DATA, Tests

MODEL, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
REST = ('--tokens', IDS, '--quiet')
COMMON = ('--model', MODEL, *REST)
NUMBERS = ('mean', 'stderr', 'median', 'p90', 'p95', 'p99', 'max', 'same_top')


def json_of(t, *options):
    return json.loads(t.run(*options, '--format', 'json').stdout)


def cell_of(root, method, length):
    return next(c for c in root['kl']['results'] if (c['method'], c['length']) == (method, length))


def percentile(values, share):
    values, rank = sorted(values), share * (len(values) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(values) - 1)
    return values[below] + (rank - below) * (values[above] - values[below])


def check_cell(t, cell, rows):
    """The cell is what the rows of its tokens give."""
    kl = [float(row['kl']) for row in rows]
    mean = math.fsum(kl) / len(kl)
    want = {'mean': mean, 'median': percentile(kl, 0.5), 'p90': percentile(kl, 0.9),
            'p95': percentile(kl, 0.95), 'p99': percentile(kl, 0.99), 'max': max(kl),
            'same_top': sum(row['same_top'] == '1' for row in rows) / len(rows),
            'stderr': math.sqrt(math.fsum((x - mean) ** 2 for x in kl) / (len(kl) - 1) / len(kl))}
    for key, value in want.items():
        t.check(math.isclose(cell[key], value, rel_tol=1e-6, abs_tol=1e-12),
                f'{cell}: {key}, want {value}')


def test_formats(t):
    methods = ('baseline', 'hybrid:cf=2', 'linear:factor=4')
    done = t.run(*COMMON, '--lengths', '64,300', '--kl', 'baseline', '-o', 'r.json', '-o', 'r.csv',
                 '-o', 'r.md', '-o', 'r.html', '--nll', 'r.nll',
                 *(x for m in methods for x in ('-m', m)))
    t.check(done.stdout == '' and done.stderr == '', f'{done}')
    root = json.loads((t.folder / 'r.json').read_text())
    t.check(root['kl']['method'] == 'baseline' and root['kl']['model'] is None, str(root['kl']))
    t.check(root['kl']['definition'].startswith('KL(P||Q) = sum P ln(P/Q)'), 'the definition')
    rows = list(csv.DictReader((t.folder / 'r.nll').open(), delimiter='\t'))
    table = list(csv.DictReader(io.StringIO((t.folder / 'r.csv').read_text())))
    t.check([(c['method'], c['length']) for c in root['kl']['results']] ==
            [(m, n) for m in methods for n in (64, 300)], 'the cells')
    for cell, line in zip(root['kl']['results'], table):
        check_cell(t, cell, [r for r in rows if r['method'] == cell['method']
                             and int(r['position']) < cell['length']])
        t.check([float(line['same_top' if k == 'same_top' else f'kl_{k}']) for k in NUMBERS] ==
                [cell[k] for k in NUMBERS] and line['kl_method'] == 'baseline', str(line))
    # The reference, and what is placed as it is, is it; the others are not.
    for method, length in (('baseline', 64), ('baseline', 300), ('hybrid:cf=2', 64)):
        cell = cell_of(root, method, length)
        t.check(cell['mean'] == cell['max'] == 0 and cell['same_top'] == 1, str(cell))
    for method, length in (('hybrid:cf=2', 300), ('linear:factor=4', 64)):
        cell = cell_of(root, method, length)
        t.check(0 < cell['median'] < cell['p99'] < cell['max'] and cell['same_top'] < 1, str(cell))
    for name in ('r.md', 'r.html'):
        text = (t.folder / name).read_text()
        t.check('KL(P‖Q)' in text and 'P of baseline, Q of each method' in text, text)
    # The NLL and the PPL do not depend on the comparison.
    plain = json_of(t, *COMMON, '--lengths', '64,300', *(x for m in methods for x in ('-m', m)))
    t.check(plain['kl'] is None and [c['nll'] for c in plain['results']] ==
            [c['nll'] for c in root['results']], 'the NLL changes with --kl')


def test_table(t):
    text = t.run(*COMMON, '--lengths', '300', '--kl', 'yarn:factor=4', '-m', 'baseline').stdout
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if 'KL(P‖Q)' in line)
    t.check('P of yarn:factor=4, Q of each method' in lines[start], lines[start])
    t.check(lines[start + 2].split()[:4] == ['length', 'method', 'mean', 'stderr'], lines[start + 2])
    t.check(lines[start + 3].split()[:2] == ['300', 'baseline'] and lines[start + 4] == '',
            'the reference has no line')
    t.check('length  baseline  yarn:factor=4' in text, 'the reference becomes a method')


def test_direction(t):
    """Neither is the other turned round."""
    means = []
    for kl, method in (('baseline', 'hybrid:cf=2'), ('hybrid:cf=2', 'baseline')):
        root = json_of(t, *COMMON, '--lengths', '300', '--kl', kl, '-m', method)
        means.append(cell_of(root, method, 300)['mean'])
    t.check(all(m > 0 for m in means) and not math.isclose(*means, rel_tol=1e-3), str(means))


def test_regimes(t):
    options = ('--kl', 'baseline', '-m', 'hybrid:cf=2')
    for regime, n in ((('--window', 100, '--stride', 40), 299), (('--chunked', 96), 3 * 47)):
        root = json_of(t, *COMMON, *options, *regime, '--nll', 'w.nll')
        rows = [r for r in csv.DictReader((t.folder / 'w.nll').open(), delimiter='\t')
                if r['method'] == 'hybrid:cf=2']
        t.check(len(rows) == n, f'{regime}: {len(rows)} rows')
        check_cell(t, cell_of(root, 'hybrid:cf=2', 300), rows)
        # A context up to the trained length is placed alike.
        for row in rows:
            t.check((float(row['kl']) == 0) == (int(row['context']) < 66), str(row))
    sweep = json_of(t, *COMMON, '--lengths', '300', '--kl', 'baseline', '--sweep',
                    'hybrid:cf=1..2:0.5')
    t.check(cell_of(sweep, 'hybrid:cf=1', 300)['mean'] == 0 <
            cell_of(sweep, 'hybrid:cf=1.5', 300)['mean'], 'a sweep')
    texts = json_of(t, '--model', MODEL, '--tokens', IDS, '--tokens', IDS, '--quiet', *options,
                    '--lengths', 300)
    one = json_of(t, *COMMON, *options, '--lengths', 300)
    t.check(math.isclose(cell_of(texts, 'hybrid:cf=2', 300)['mean'],
                         cell_of(one, 'hybrid:cf=2', 300)['mean'], rel_tol=1e-12), 'two texts')


def test_other_model(t):
    methods = ('-m', 'baseline', '-m', 'hybrid:cf=2', '--lengths', '64,300')
    own = json_of(t, *COMMON, *methods, '--kl', 'baseline')
    # The file itself: what --kl says.
    same = json_of(t, *COMMON, *methods, '--kl-model', MODEL)
    kl = same['kl']
    t.check(kl['results'] == own['kl']['results'] and kl['method'] == 'baseline', str(kl))
    t.check(kl['model'] == 'tiny-tied' and kl['weight_type'] == 'F32', str(kl))
    t.check(same['memory']['weights'] == 2 * own['memory']['weights'] and
            same['device_tokens'] > own['device_tokens'], 'both models count')
    # Quantisation costs little, and less where it is finer.
    means = [cell_of(json_of(t, '--model', DATA / f'tiny-tied-{kind}.gguf', *REST, *methods,
                             '--kl-model', MODEL), 'baseline', 300)['mean']
             for kind in ('q8_0', 'bf16', 'f16')]
    t.check(1e-2 > means[0] > means[1] > means[2] > 0, str(means))
    root = json_of(t, '--model', DATA / 'tiny-tied-f16.gguf', *REST, *methods, '--kl',
                   'hybrid:cf=2', '--kl-model', MODEL)
    near, far = (cell_of(root, method, 300)['mean'] for method in ('hybrid:cf=2', 'baseline'))
    t.check(near < 1e-3 < far, f'another method of another model: {near}, {far}')
    plan = t.run(*COMMON, *methods, '--kl-model', MODEL, '--memory-plan').stdout
    t.check(f'{same["memory"]["peak"]} bytes' in plan, plan)


def test_memory(t):
    """In the least memory that will do, to the same bits, on one model and on two."""
    for other in ((), ('--kl-model', DATA / 'tiny-tied-q8_0.gguf')):
        options = (*COMMON, '-m', 'hybrid:cf=2', '-m', 'linear:factor=4', '--kl', 'baseline', *other,
                   '--lengths', '300', '--kv-type', 'f32', '--chunk', '64')
        want = json_of(t, *options, '--nll', 'want.nll')
        told = t.fails(4, *options, '--memory', '1KiB', says='it may take 1024').stderr
        least = re.search(r'needs (\d+) bytes of device memory at the least', told)[1]
        root = json_of(t, *options, '--memory', least, '--nll', 'least.nll')
        t.check(root['memory']['walk'] == 'streamed' and
                root['memory']['batches'] >= 2, root['memory'])
        t.check(root['kl'] == want['kl'], f'{root["kl"]}, want {want["kl"]}')
        t.check((t.folder / 'least.nll').read_text() == (t.folder / 'want.nll').read_text(),
                'divergences of tokens')


def test_errors(t):
    t.fails(1, *COMMON, '--kl', 'hybrid', says=('hybrid', 'cf'))
    t.fails(1, *COMMON, '--kl', '', says='--kl')
    t.fails(1, *COMMON, '--kl', 'baseline', '--kl', 'baseline', says='--kl is given twice')
    t.fails(1, *COMMON, '--kl', 'baseline', '-m', 'baseline', says='no other method')
    t.fails(2, *COMMON, '--kl-model', 'missing.gguf', says='missing.gguf')
    other = DATA / 'tiny-untied-f32.gguf'
    t.fails(1, *COMMON, '--kl-model', other, says=(str(other), str(MODEL), '157', '160'))
    copy = t.folder / 'copy.gguf'
    shutil.copy(MODEL, copy)
    t.fails(1, *COMMON, '--kl-model', copy, '--nll', copy, says=('--nll', '--kl-model'))


def test_tokenizers(t):
    """Ids must mean the same in both."""
    models = [made_model.make(t.folder / name) for name in ('one', 'two')]
    for model in models:
        shutil.copy(DATA / 'tokenizer-llama3.json', model / 'tokenizer.json')
    text = t.write('book.txt', 'The same text for two models, of some words and more. ' * 9)
    command = ('--model', models[0], '--kl-model', models[1], '--text', text, '--lengths', '40',
               '--quiet')
    root = json_of(t, *command)
    t.check(cell_of(root, 'baseline', 40)['max'] == 0, 'the same weights')
    path = models[1] / 'tokenizer.json'
    tokenizer = json.loads(path.read_text())
    vocab = tokenizer['model']['vocab']
    a, b = sorted((key for key in vocab if key.isalpha() and len(key) == 1 and key.isascii()))[:2]
    vocab[a], vocab[b] = vocab[b], vocab[a]
    path.write_text(json.dumps(tokenizer))
    t.fails(1, *command, says=('--kl-model', str(models[0]), str(models[1]), f'"{a}"', f'"{b}"'))


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    test_formats(t)
    test_table(t)
    test_direction(t)
    test_regimes(t)
    test_other_model(t)
    test_memory(t)
    test_errors(t)
    test_tokenizers(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
