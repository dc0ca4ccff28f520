#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl over shards and devices, and merge: the numbers are those of the whole run.

spread.py PROGRAM STRIDE
"""
import copy
import csv
import json
import math
import resource
import shutil
import sys

from cli_test import DATA, Tests

MODEL, OTHER = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-untied-f16.gguf'
HALVES = DATA / 'tiny-tied-f16.gguf'
IDS = (DATA / 'tiny-tied.ids').read_text().split()
SWEEP = ('-m', 'baseline', '--sweep', 'hybrid:cf=1.5..3:0.5')
# What a run has of its own, and not of the numbers that it is made for.
OWN = ('seconds', 'device_seconds', 'longest_submit_seconds', 'device_tokens', 'memory', 'curves',
       'chunk', 'tokens_per_second')


def write_texts(t):
    """Some as long as each other, one shorter than the longest length, two than every length."""
    spans = {'a': (0, 300), 'b': (20, 180), 'c': (50, 110), 'd': (0, 300), 'e': (0, 3), 'f': (9, 200)}
    (t.folder / 'texts').mkdir()
    for name, (first, end) in spans.items():
        t.write(f'texts/{name}.ids', ' '.join(IDS[first:end]))
    return ('--model', MODEL, '--tokens', 'texts', '--quiet')


def load(t, path):
    return json.loads((t.folder / path).read_text())


def numbers(value):
    """The report without what is of the run."""
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items() if k not in OWN}
    return [numbers(v) for v in value] if isinstance(value, list) else value


def check_curves(t, a, b, what):
    for x, y in zip(a['curves'], b['curves']):
        t.check([x[k] for k in ('scale', 'first', 'end', 'tokens')] ==
                [y[k] for k in ('scale', 'first', 'end', 'tokens')], f'{what}: buckets')
        for m, n in zip(x['methods'], y['methods']):
            t.check(m['method'] == n['method'] and
                    all(math.isclose(p, q, rel_tol=1e-12) for p, q in zip(m['nll'], n['nll'])) and
                    all(math.isclose(p, q, rel_tol=1e-9, abs_tol=1e-9)
                        for p, q in zip(m['stderr'], n['stderr'])), f'{what}: {m} {n}')
        t.check([[v[k] for k in ('text', 'method', 'tokens')] for v in x['texts']] ==
                [[v[k] for k in ('text', 'method', 'tokens')] for v in y['texts']],
                f'{what}: tokens of texts')


def run_shards(t, count, *options):
    names = [f'shard-{i}-of-{count}.json' for i in range(1, count + 1)]
    for i, name in enumerate(names):
        t.run(*options, '--shard', f'{i + 1}/{count}', '-o', name)
    return names


def test_shards(t, common, stride):
    """However a run is cut, and in whatever order its parts are given, merging gives it back: every
    `stride`th number of parts."""
    for regime, counts in ((('--lengths', '64,128,300'), (2, 1, 3, 4, 7, 11, 20)),
                           (('--window', 50, '--stride', 20, '--lengths', '100,300',
                             '--tokens', 'texts/a.ids'), (2, 9))):
        options = (*common, *SWEEP, *regime)
        if '--window' in regime:
            (t.folder / 'texts/a.ids').rename(t.folder / 'texts/.a.ids')
            options = [o if o != 'texts/a.ids' else 'texts/.a.ids' for o in options]
        t.run(*options, '-o', 'whole.json')
        whole = load(t, 'whole.json')
        t.check(whole['shard'] is None, 'a whole run is a shard')
        for count in counts[::stride]:
            names = run_shards(t, count, *options)
            cells = [(x['text'], x['method']) for n in names for x in load(t, n)['text_results']
                     if x['length'] == min(c['length'] for c in whole['results'])]
            t.check(len(cells) == len(set(cells)), f'{count}: two shards did the same')
            t.run('merge', *reversed(names), '--quiet', '-o', 'merged.json')
            merged = load(t, 'merged.json')
            t.check(numbers(merged) == numbers(whole), f'{count} shards of {regime}: {merged}')
            check_curves(t, merged, whole, f'{count} shards of {regime}')
    (t.folder / 'texts/.a.ids').rename(t.folder / 'texts/a.ids')


def test_split(t, common):
    """Neighbouring texts of about as many tokens each; methods only when texts run out."""
    lengths = ('--lengths', '64,300')
    first = [load(t, n) for n in run_shards(t, 2, *common, *lengths)]
    names = [[x['name'][6] for x in r['texts']] for r in first]
    t.check(names == [['a', 'b', 'c'], ['d', 'e', 'f']], f'two shards: {names}')
    t.check(all(len(r['methods']) == 3 and r['sweeps'] == [] for r in first), 'methods are split')
    one = ('--model', MODEL, '--tokens', DATA / 'tiny-tied.ids', '--quiet', *SWEEP, *lengths)
    names = run_shards(t, 2, *one)
    t.check([[m['method'] for m in load(t, n)['methods']] for n in names] ==
            [['baseline', 'hybrid:cf=1.5'], ['hybrid:cf=2', 'hybrid:cf=2.5', 'hybrid:cf=3']],
            'two shards of one text')
    shard = load(t, names[1])
    t.check(all(c['vs_baseline_percent'] is None for c in shard['results']), 'a gain on nothing')
    t.check(shard['shard'] == {'index': 2, 'count': 2, 'first_text': 0, 'all_texts': 1,
                               'first_method': 2, 'all_methods': 5}, str(shard['shard']))
    t.check('note: shard 2 of 2: texts 1 to 1 of 1, methods 3 to 5 of 5' in
            t.run(*one, '--shard', '2/2').stdout, 'the table does not tell that it is a shard')
    rows = t.folder / 'part.nll'
    t.run(*common, *lengths, '--shard', '2/2', '-m', 'baseline', '--nll', rows)
    ids = {r['text']: r['id'] for r in csv.DictReader(rows.open(), delimiter='\t')
           if r['position'] == '1'}
    t.check(ids == {'texts/d.ids': IDS[1], 'texts/f.ids': IDS[10]}, f'ids of the NLL: {ids}')


def test_refusals(t, common):
    options = (*common, '--lengths', '64')
    for text in ('', '1', '0/2', '3/2', '1/0', '1/2/3', 'a/b', ' 1/2', '-1/2'):
        t.fails(1, *options, f'--shard={text}', says='--shard')
    t.fails(1, *options, '--shard', '1/13', says=('1 of 13', '3 methods on 4 texts', '12'))
    t.fails(1, *options, '--devices', '0,', says='--devices')
    t.fails(1, *options, '--devices', '0', '--device', '0', says='--devices')
    t.fails(1, *options, '--devices', '0,0,0', '--shard', '1/5', says='devices: 3, but')
    t.fails(1, *options, '--devices', '0,0,0,0', '--kl', 'baseline', says='devices: 4, but with kl, 3')
    t.fails(1, *options, '--shard', '1/4', '--kl', 'baseline', says=('1 of 4', 'with kl', '3'))
    t.fails(3, *options, '--devices', '0,no such device', says='no such device')
    names = run_shards(t, 3, *options)
    t.fails(1, 'merge', names[0], names[2], says=('shard 2 of 3', names[0]))
    t.fails(1, 'merge', names[0], names[1], says='shard 3 of 3')
    t.fails(1, 'merge', names[1], says='shard 1 of 3')
    t.fails(1, 'merge', *names, names[1], says=('both shard 2 of 3', names[1]))
    t.fails(1, 'merge', says='no report')
    t.fails(1, 'merge', names[0], '-o', names[0], says='a report')
    t.fails(2, 'merge', 'missing.json', says='missing.json')


def change(t, name, report, **fields):
    report = copy.deepcopy(report)
    report.update(fields)
    return t.write(name, json.dumps(report)).name


def test_runs(t):
    """Runs of other methods and lengths make one table, of other models and devices several."""
    common = ('--tokens', DATA / 'tiny-tied.ids', '--quiet', '-m', 'baseline')
    one, two = ('--model', MODEL), ('--model', OTHER, '--tokens', DATA / 'tiny-untied.ids')
    t.run(*one, *common, '-m', 'hybrid:cf=2', '--lengths', '64,128', '-o', 'a.json')
    t.run(*one, *common, '-m', 'hybrid:cf=3', '--lengths', '64,128', '-o', 'b.json')
    t.run(*one, *common, '-m', 'hybrid:cf=2', '-m', 'hybrid:cf=3', '--lengths', '300', '-o', 'c.json')
    t.run(*one, *common, '-m', 'hybrid:cf=2', '-m', 'hybrid:cf=3', '--lengths', '64,128,300',
          '-o', 'all.json')
    t.run('merge', 'a.json', 'b.json', 'c.json', '--quiet', '-o', 'abc.json')
    t.check(numbers(load(t, 'abc.json')) == numbers(load(t, 'all.json')), 'methods and lengths')
    check_curves(t, load(t, 'abc.json'), load(t, 'all.json'), 'methods and lengths')
    t.run('merge', 'abc.json', 'all.json', '--quiet', '-o', 'again.json')
    t.check(numbers(load(t, 'again.json')) == numbers(load(t, 'all.json')), 'the same once more')
    t.fails(1, 'merge', 'a.json', 'c.json', says=('hybrid:cf=3', 'length 64'))

    t.run(*two, '--quiet', '-m', 'baseline', '--lengths', '64', '-o', 'other.json')
    a = load(t, 'a.json')
    on_b = copy.deepcopy(a)
    for cell, text in zip(on_b['results'], on_b['text_results']):
        cell['nll'] += 1e-6
        text['nll'] += 1e-6
    change(t, 'contradicts.json', on_b)
    for method in on_b['methods']:
        method['device'] = 'Another GPU'
    change(t, 'device.json', on_b, device='Another GPU')
    change(t, 'original.json', a, original_max_len=100, original_max_len_from_model=False)
    change(t, 'window.json', a, window=64, stride=32)
    text = copy.deepcopy(a['texts'])
    text[0]['digest'] = '0' * 16
    change(t, 'text.json', a, texts=text)
    text = json.loads((t.folder / 'text.json').read_text().replace('tiny-tied.ids', 'other.ids'))
    change(t, 'text2.json', text)
    t.fails(1, 'merge', 'a.json', 'contradicts.json',
            says=('contradicts.json', 'a.json', 'baseline at length 64'))
    t.fails(1, 'merge', 'a.json', 'text.json', says=('text.json', 'a.json', 'tiny-tied.ids'))
    labels = {'device.json': 'Another GPU', 'original.json': 'original_max_len 100',
              'window.json': 'window=64 stride=32', 'text2.json': 'other.ids'}
    for name, label in labels.items():
        out = t.run('merge', 'a.json', name).stdout
        t.check(out.count('\n== tiny-tied') == 1 and out.startswith('== tiny-tied, ') and
                label in out.split('\n== ')[1].splitlines()[0], f'{name}: {out}')
    names = ['a.json', 'other.json', *labels]
    t.run('merge', *names, '--quiet', *(f'-om.{e}' for e in ('json', 'csv', 'md', 'txt', 'html')),
          '--curve', 'm.curve')
    merged = load(t, 'm.json')
    t.check(len(merged) == 6 and numbers(merged[0]) == numbers(a) and
            merged[1]['model'] == 'tiny-untied', 'JSON of several tables')
    t.run('merge', 'm.json', '--quiet', '-o', 'm2.json')
    t.check(numbers(load(t, 'm2.json')) == numbers(merged), 'a merged report merged')
    rows = list(csv.DictReader((t.folder / 'm.csv').open(newline='')))
    tables = list(dict.fromkeys(r['table'] for r in rows))
    t.check(len(rows) == 5 * 4 + 1 and len(tables) == 6, f'tables {tables}')
    t.check({r['device'] for r in rows} >= {'Another GPU'} and
            {r['original_max_len'] for r in rows} == {'64', '100'} and
            {r['regime'] for r in rows} == {'prefix', 'window=64 stride=32'} and
            {r['model'] for r in rows} == {'tiny-tied', 'tiny-untied'}, 'columns')
    curve = list(csv.DictReader((t.folder / 'm.curve').open(), delimiter='\t'))
    t.check(list(dict.fromkeys(r['table'] for r in curve)) == tables, 'tables of the curve')
    for name, mark in (('m.md', '## '), ('m.txt', '== ')):
        lines = (t.folder / name).read_text().splitlines()
        t.check(sum(line.startswith(mark) for line in lines) == 6, f'{name}: headings')
    page = (t.folder / 'm.html').read_text()
    t.check(page.count('<table>') == 6 and page.count('<h2>tiny-tied, ') == 5 and
            '<title>Perplexity of tiny-tied, tiny-untied</title>' in page and
            'vkhrope-ppl merge a.json' in page, 'the page')
    if shutil.which('gnuplot'):
        t.run('merge', 'a.json', 'other.json', '--quiet', '--plot', 'm.svg')
        plot = (t.folder / 'm.svg').read_text()
        t.check('height="1200"' in plot or '960 1200' in plot, 'two pictures in one')
        t.check(all(f'length: {m}' in plot for m in ('tiny-tied', 'tiny-untied')), 'their titles')


def test_curves(t):
    """Each text is at the longest length that it reaches in any of the runs: its curve is in one of
    a shorter length where it ends before the longest."""
    short, long = t.write('60.ids', ' '.join(IDS[:60])), t.write('300.ids', ' '.join(IDS))
    common = ('--model', MODEL, '--tokens', short, '--tokens', long, '--quiet')
    for name, method, lengths in (('a', 'baseline', '40'), ('b', 'baseline', '200'),
                                  ('c', 'hybrid:cf=2', '40,200'), ('ab', 'baseline', '40,200')):
        t.run(*common, '-m', method, '--lengths', lengths, '-o', f'curve-{name}.json')
    t.run(*common, '-m', 'baseline', '-m', 'hybrid:cf=2', '--lengths', '40,200', '-o', 'curve-abc.json')
    for names in ('ab', 'ba', 'abc', 'cba'):
        t.run('merge', *(f'curve-{n}.json' for n in names), '--quiet', '-o', 'merged.json')
        merged, whole = load(t, 'merged.json'), load(t, f'curve-{"".join(sorted(names))}.json')
        methods = {m['method'] for m in whole['methods']}
        t.check({m['method'] for m in merged['methods']} == methods, f'{names}: methods')
        for curve in merged['curves'] + whole['curves']:
            t.check(sum(curve['tokens']) == 39 + 199, f'{names}: {sum(curve["tokens"])} tokens')
            for key in ('methods', 'texts'):  # in the order of the runs
                curve[key].sort(key=lambda row: (row.get('text', ''), row['method']))
        check_curves(t, merged, whole, names)
    broken = load(t, 'curve-ab.json')
    broken['curves'][0]['texts'][1]['tokens'][0] += 1
    t.fails(2, 'merge', t.write('x.json', json.dumps(broken)), says=('curves[0].', 'tokens'))
    broken = load(t, 'curve-ab.json')
    broken['curves'][1]['methods'][0]['stderr'][0] += 1e-6
    t.fails(2, 'merge', t.write('x.json', json.dumps(broken)), says='stderr')


def test_divergences(t):
    """KL divergences stay in a table of one reference, and keep others out of it."""
    common = ('--model', MODEL, '--tokens', DATA / 'tiny-tied.ids', '--quiet', '--lengths',
              '64,128', '--kl', 'baseline')
    t.run(*common, '-m', 'hybrid:cf=2', '-o', 'kl-2.json')
    t.run(*common, '-m', 'hybrid:cf=3', '-o', 'kl-3.json')
    t.run(*common, '-m', 'hybrid:cf=2', '-m', 'baseline', '-m', 'hybrid:cf=3', '-o', 'kl-all.json')
    t.run('merge', 'kl-2.json', 'kl-3.json', '--quiet', '-o', 'kl.json')
    whole, merged = load(t, 'kl-all.json'), load(t, 'kl.json')
    t.check(whole['kl'] and numbers(merged) == numbers(whole), f'{merged}, not {whole}')
    for field in ('mean', 'stderr', 'median', 'p90', 'p95', 'p99', 'max', 'same_top'):
        contradicts = copy.deepcopy(load(t, 'kl-2.json'))
        contradicts['kl']['results'][1][field] += 1e-9
        change(t, 'x.json', contradicts)
        t.fails(1, 'merge', 'kl-2.json', 'x.json', says=('x.json', 'hybrid:cf=2 at length 128'))
    elsewhere = change(t, 'x.json', contradicts, device='Another GPU')
    t.check(t.run('merge', 'kl-2.json', elsewhere).stdout.count('\n== ') == 1, 'two tables')
    out = t.run('merge', 'kl-2.json', 'b.json').stdout
    t.check([line for line in out.splitlines() if line.startswith('== ')] ==
            ['== tiny-tied, KL divergences from baseline', '== tiny-tied, no KL divergences'], out)


def test_divergence_shards(t):
    """Methods alone are shared out, and every part computes the reference for itself."""
    common = ('--model', MODEL, '--tokens', 'texts/a.ids', '--tokens', 'texts/b.ids', '--quiet')
    methods = ('-m', 'baseline', '--sweep', 'hybrid:cf=1.5..2:0.5', '--lengths', '64,100')
    for count, *reference in ((3, '--kl', 'hybrid:cf=1.5'), (2, '--kl-model', HALVES)):
        options = (*common, *methods, *reference)
        t.run(*options, '--device', '0', '-o', 'whole.json', '--nll', 'whole.nll')
        whole = load(t, 'whole.json')
        names = run_shards(t, count, *options)
        shown = [[m['method'] for m in load(t, n)['methods']] for n in names]
        t.check(sum(shown, []) == [m['method'] for m in whole['methods']], f'shards show {shown}')
        t.check(all(len(load(t, n)['texts']) == 2 for n in names), 'texts are split')
        t.run('merge', *reversed(names), '--quiet', '-o', 'merged.json')
        merged = load(t, 'merged.json')
        t.check(merged['kl'] and numbers(merged) == numbers(whole), f'{merged}, not {whole}')
        t.run(*options, '--devices', '0,0', '-o', 'joined.json', '--nll', 'joined.nll')
        whole['devices'] = 2
        t.check(numbers(load(t, 'joined.json')) == numbers(whole), f'{reference} on devices')
        t.check((t.folder / 'whole.nll').read_bytes() == (t.folder / 'joined.nll').read_bytes(),
                f'{reference}: the divergences of tokens')
    first, last = names
    shard = load(t, first)
    for path in first, last:  # both without the reference that they name
        change(t, f'x-{path}', load(t, path), kl={**load(t, path)['kl'], 'method': 'linear:factor=4',
                                                  'model': None, 'weight_type': None})
    t.fails(1, 'merge', f'x-{first}', f'x-{last}', says=('linear:factor=4', f'x-{first}'))
    change(t, 'x.json', shard, shard={**shard['shard'], 'all_texts': 3})
    t.fails(2, 'merge', 'x.json', says=('x.json', 'kl'))


def test_hostile(t, stride):
    """Every field missing, of another type, or out of range is an error that names it: every
    `stride`th of these is tried."""
    good = load(t, 'kl-all.json')
    shard = load(t, run_shards(t, 2, '--model', MODEL, '--tokens', DATA / 'tiny-tied.ids', '--quiet',
                               *SWEEP, '--lengths', '64')[1])
    t.fails(2, 'merge', t.write('x.json', ''), says='x.json')
    t.fails(2, 'merge', t.write('x.json', '{"model": NaN}'), says='x.json:1')
    t.fails(2, 'merge', t.write('x.json', '[]'), says='empty')
    t.fails(2, 'merge', t.write('x.json', '3'), says='x.json:1:1: not JSON')
    t.fails(2, 'merge', t.write('x.json', '[3]'), says='[0]')
    t.fails(2, 'merge', t.write('x.json', json.dumps(good).replace(
        f'"chunk": {good["chunk"]}', '"chunk": 1e999')), says='x.json')

    # Many methods: a limit, and below it no time that grows with their square.
    many = {**good, 'methods': [{**good['methods'][0], 'method': f'm{i}'} for i in range(65537)]}
    t.fails(2, 'merge', t.write('x.json', json.dumps(many)), says='methods: none, or more than 65536')
    del many['methods'][65536], many['texts']
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    t.fails(2, 'merge', t.write('x.json', json.dumps(many)), says='x.json: texts: ')
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    t.check(seconds < 2.5, f'{seconds} s for 65536 methods')
    many['methods'][65535]['method'] = 'm7'
    t.fails(2, 'merge', t.write('x.json', json.dumps(many)), says='methods[65535].method: there twice')
    sweeps = {**good, 'sweeps': [{'sweep': '', 'parameter': '', 'methods': [], 'values': []}] * 1025}
    t.fails(2, 'merge', t.write('x.json', json.dumps(sweeps)), says='sweeps: more than 1024')

    every = [(report, path, bad) for report in (good, shard) for path, before in walk(report)
             for bad in damages(path, names_of(path), before)]
    for report, path, bad in every[::stride]:
        damaged = copy.deepcopy(report)
        at = damaged
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = bad
        if bad is None:
            del at[path[-1]]
        done = t.run('merge', t.write('x.json', json.dumps(damaged)), code=2)
        names = names_of(path)
        t.check(done.stderr.count('\n') == 1 and 'x.json' in done.stderr and
                '\x1b' not in done.stderr and done.stdout == '' and
                (names[-1] in done.stderr or names[0][:4] in done.stderr),
                f'{path} = {bad!r}: {done.stderr!r}')


def names_of(path):
    return [step for step in path if isinstance(step, str)]


def walk(value, path=()):
    """Every field of a report, of arrays the first element."""
    for key in value if isinstance(value, dict) else range(min(len(value), 1)):
        yield (*path, key), value[key]
        if isinstance(value[key], (dict, list)):
            yield from walk(value[key], (*path, key))


def damages(path, names, before):
    """What must be refused in place of a field: None removes it."""
    free = ('model', 'architecture', 'weight_type', 'kv_type', 'device', 'driver', 'variants',
            'own_scaling', 'applied', 'sweep', 'parameter', 'why')
    follows = names[0] in ('version', 'regime') or names[-1] == 'definition' or 'best' in names or names[-1] == 'ppl' or (
        names[0] == 'results' and names[-1] not in ('results', 'method', 'length', 'nll', 'seconds',
                                                    'compression_active', 'tokens_per_second'))
    if follows:  # from other fields, and is computed again
        return
    yield from ({}, -1e300)
    if not isinstance(before, list):
        yield [3]
    if names[-1] not in free:
        yield 'x\x1b'
    if isinstance(path[-1], str):
        yield None


def test_devices(t, common):
    """Two threads, each with a device of its own: here the same one twice."""
    options = (*common, *SWEEP, '--lengths', '64,128,300')
    t.run(*options, '--device', '0', '-o', 'single.json', '--nll', 'single.nll')
    t.run(*options, '--devices', '0,0,0', '-o', 'joined.json', '--nll', 'joined.nll')
    single, joined = load(t, 'single.json'), load(t, 'joined.json')
    t.check(joined['devices'] == 3 and single['devices'] == 1, 'the number of devices')
    want, got = numbers(single), numbers(joined)
    want['devices'] = 3
    t.check(want == got, f'{got}, not {want}')
    check_curves(t, single, joined, 'devices')
    t.check((t.folder / 'single.nll').read_bytes() == (t.folder / 'joined.nll').read_bytes(),
            'the NLL of tokens')
    t.check('3 devices side by side at work' in
            t.run(*options, '--devices', '0,0,0').stdout, 'the rate does not tell of devices')
    # A shard over devices is a shard.
    for i in (1, 2):
        t.run(*options, '--shard', f'{i}/2', '--devices', '0,0,0', '-o', f'both-{i}.json')
    t.run('merge', 'both-1.json', 'both-2.json', '--quiet', '-o', 'both.json')
    t.check(numbers(load(t, 'both.json')) == want, 'shards over devices')
    plan = t.run(*options, '--devices', '0,0', '--memory-plan').stdout
    t.check(plan.count('peak') == 2, plan)


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    common = write_texts(t)
    stride = int(sys.argv[2])
    test_shards(t, common, stride)
    test_split(t, common)
    test_refusals(t, common)
    test_runs(t)
    test_curves(t)
    test_divergences(t)
    test_divergence_shards(t)
    test_hostile(t, stride)
    test_devices(t, common)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
