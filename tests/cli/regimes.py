#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl: windows, several texts, sweeps, curves, methods that vary with the length."""
import csv
import json
import math
import re
import shutil
import sys

from cli_test import DATA, SOURCE, Tests

MODEL, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
COMMON = ('--model', MODEL, '--tokens', IDS, '--quiet')
N = 300


def table(t, *options, common=COMMON):
    return json.loads(t.run(*common, '--format', 'json', *options).stdout)


def cell_of(root, method, length):
    return next(c for c in root['results'] if (c['method'], c['length']) == (method, length))


def nll_rows(t, *options):
    t.run(*COMMON, '--nll', 'rows.nll', *options)
    return list(csv.DictReader((t.folder / 'rows.nll').open(), delimiter='\t'))


def test_windows(t):
    root = table(t, '--window', 100, '--stride', 40)
    t.check([root['window'], root['stride'], root['texts'][0]['used']] == [100, 40, N], str(root))
    t.check('sliding windows of 100 tokens, 40 apart' in root['regime'], root['regime'])
    t.check({c['length'] for c in root['results']} == {N}, 'the default length')
    t.check(all(c['tokens_scored'] == N - 1 for c in root['results']), 'tokens scored')
    t.check(table(t, '--window', 100)['stride'] == 50, 'the default stride')
    least = table(t, '--window', 2, '--lengths', 20)
    t.check(all(c['tokens_scored'] == 19 for c in least['results']), 'windows of 2 tokens')
    # One window is one pass.
    whole, window = table(t, '--lengths', N), table(t, '--window', 5000, '--lengths', N)
    for a, b in zip(whole['results'], window['results']):
        t.check(a['nll'] == b['nll'], f'{a}, in one window {b}')
    rows = nll_rows(t, '--window', 100, '--stride', 40, '-m', 'hybrid:cf=2')
    t.check([int(r['position']) for r in rows] == list(range(1, N)), 'every token once')
    for row in rows:
        position, context = int(row['position']), int(row['context'])
        t.check(context == position if position < 100 else 60 <= context < 100, str(row))
    got = math.fsum(float(r['nll']) for r in rows) / len(rows)
    t.check(math.isclose(got, cell_of(root, 'hybrid:cf=2', N)['nll'], rel_tol=1e-6), f'mean {got}')
    # A token's number is that of its window alone.
    ids = IDS.read_text().split()
    part = t.write('part.ids', ' '.join(ids[40:140]))
    t.run('--model', MODEL, '--tokens', part, '--quiet', '--lengths', 100, '--nll', 'part.nll',
          '-m', 'hybrid:cf=2')
    alone = list(csv.DictReader((t.folder / 'part.nll').open(), delimiter='\t'))
    t.check([r['nll'] for r in rows[99:139]] == [r['nll'] for r in alone[59:]],
            'a window differs from the same tokens alone')


def test_chunked(t):
    root = table(t, '--chunked', 64)
    t.check(root['window'] == 64 and root['stride'] is None and 'disjoint' in root['regime'],
            root['regime'])
    t.check(all(c['tokens_scored'] == 4 * 31 for c in root['results']), 'tokens scored')
    rows = nll_rows(t, '--chunked', 64, '-m', 'baseline')
    t.check([int(r['position']) for r in rows] ==
            [w * 64 + i for w in range(4) for i in range(33, 64)], 'the second halves')
    text = t.run(*COMMON, '--chunked', 64, '--format', 'markdown').stdout
    t.check('disjoint windows of 64' in text, text)
    text = t.run(*COMMON, '--chunked', 64, '--format', 'csv').stdout
    t.check(text.count(',chunked=64,64,tiny-tied,F32,') == 3, text)


def test_usage(t):
    t.fails(1, *COMMON, '--stride', 5, says=('--stride', '--window'))
    t.fails(1, *COMMON, '--chunked', 64, '--stride', 5, says='--stride')
    t.fails(1, *COMMON, '--window', 64, '--stride', 64, says=('--stride', '64'))
    t.fails(1, *COMMON, '--window', 64, '--chunked', 64, says=('--window', '--chunked'))
    for option in ('--window', '--stride', '--chunked'):
        for value in ('', 'x', '0', '-1'):
            t.fails(1, *COMMON, f'{option}={value}', says=option)
    t.fails(1, *COMMON, '--chunked', 301, says='301')
    t.fails(1, *COMMON, '--chunked', 128, '--lengths', 100, says=('100', '128'))
    t.fails(1, *COMMON, '--sweep', 'hybrid:cf=2', says='LOW..HIGH:STEP')
    t.fails(1, *COMMON, '--sweep', 'hybrid:cg=1..2:1', says='cg')
    t.fails(1, *COMMON, '--curve', IDS, says=('--curve', '--tokens'))
    t.fails(2, *COMMON, '--curve', 'no/such/file', says='--curve')
    done = t.run('--list-methods')
    for word in ('hybrid:cf=NUMBER', 'yarn:factor=NUMBER', 'beta_fast', 'longrope', 'file=FILE'):
        t.check(word in done.stdout, f'--list-methods does not tell about {word}')
    documented = (SOURCE / 'docs/methods.md').read_text()
    for name in re.findall(r'^([a-z0-9-]+)(?::|\[|$)', done.stdout, re.M):
        t.check(f'`{name}' in documented, f'docs/methods.md does not tell about {name}')


def test_texts(t):
    ids = IDS.read_text().split()
    folder = t.folder / 'texts'
    folder.mkdir()
    (folder / '.hidden').write_text('x')
    (folder / 'inner').mkdir()
    parts = {'a': ids[:120], 'b': ids[100:300], 'c': ids[50:150]}
    for name, part in parts.items():
        (folder / name).write_text(' '.join(part))
    common = ('--model', MODEL, '--tokens', folder, '--quiet', '-m', 'baseline', '-m',
              'hybrid:cf=2', '--lengths', '90,110,200')
    root = table(t, common=common)
    t.check([(x['name'], x['tokens'], x['used']) for x in root['texts']] ==
            [(str(folder / 'a'), 120, 110), (str(folder / 'b'), 200, 200),
             (str(folder / 'c'), 100, 90)], str(root['texts']))
    t.check(root['tokens_available'] == 420, 'tokens_available')
    for method in ('baseline', 'hybrid:cf=2'):
        for length, names in ((90, 'abc'), (110, 'ab'), (200, 'b')):
            alone = [cell_of(table(t, common=('--model', MODEL, '--tokens', folder / name, '--quiet',
                                              '-m', method, '--lengths', length)), method, length)
                     for name in names]
            check_average(t, cell_of(root, method, length), [c['nll'] for c in alone], length)
    found = {(x['text'][-1], x['length']): x['nll'] for x in root['text_results']
             if x['method'] == 'baseline'}
    t.check(found['c', 200] is None and found['b', 200] is not None, str(found))
    by_name = table(t, common=[x for n in 'abc' for x in ('--tokens', folder / n)] + list(
        common[4:]) + ['--model', MODEL])
    t.check([c['nll'] for c in by_name['results']] == [c['nll'] for c in root['results']],
            'files by name differ from their folder')
    text = t.run(*common).stdout
    t.check('3 texts' in text and '90, each of 3 texts alike: baseline' in text, text)
    t.fails(1, *common[:-1], '201', says=('201', '200'))
    t.fails(2, '--model', MODEL, '--tokens', folder / 'inner', says='a folder without files')
    (folder / 'd').write_text('7')
    t.fails(2, *common, says=str(folder / 'd'))


def check_average(t, cell, nll, length):
    """Texts of one length weigh alike in both averages."""
    n, mean = len(nll), math.fsum(nll) / len(nll)
    t.check(cell['texts'] == n and cell['tokens_scored'] == n * (length - 1), str(cell))
    for key in ('nll', 'macro_nll'):
        t.check(math.isclose(cell[key], mean, rel_tol=1e-12), f'{cell}: {key}, want {mean}')
    if n == 1:
        t.check(cell['text_stderr'] is None and cell['macro_stderr'] is None, str(cell))
        return
    error = math.exp(mean) * math.sqrt(math.fsum((x - mean) ** 2 for x in nll) / (n - 1) / n)
    for key in ('text_stderr', 'macro_stderr'):
        t.check(math.isclose(cell[key], error, rel_tol=1e-9), f'{cell}: {key}, want {error}')


def test_unequal(t):
    """In windows texts count as far as they go: by their tokens, or each alike."""
    ids = IDS.read_text().split()
    long, short = t.write('long.ids', ' '.join(ids)), t.write('short.ids', ' '.join(ids[:60]))
    common = ('--model', MODEL, '--quiet', '-m', 'baseline', '--window', 50, '--stride', 25)
    one, two = (table(t, '--tokens', path, common=common)['results'][0] for path in (long, short))
    both = table(t, '--tokens', long, '--tokens', short, common=common)['results'][0]
    t.check(both['tokens_scored'] == 299 + 59 and both['texts'] == 2, str(both))
    want = (299 * one['nll'] + 59 * two['nll']) / 358
    t.check(math.isclose(both['nll'], want, rel_tol=1e-12), f'{both}, want {want}')
    t.check(math.isclose(both['macro_nll'], (one['nll'] + two['nll']) / 2, rel_tol=1e-12),
            str(both))


def test_sweep(t):
    root = table(t, '--sweep', 'hybrid:cf=1.5..3.0:0.5', '--lengths', '64,300')
    names = [f'hybrid:cf={cf}' for cf in ('1.5', '2', '2.5', '3')]
    t.check([m['method'] for m in root['methods']] == ['baseline'] + names, 'the lanes of a sweep')
    sweep, = root['sweeps']
    t.check([sweep['parameter'], sweep['methods']] == ['cf', names], str(sweep))
    best = min((cell_of(root, name, 300) for name in names), key=lambda c: c['ppl'])
    t.check([b['method'] for b in sweep['best']] == [None, best['method']], str(sweep))
    t.check(sweep['best'][1]['value'] == float(best['method'].split('=')[1]), str(sweep))
    given = table(t, '-m', 'hybrid:cf=2', '--sweep', 'hybrid:cf=1..3:1', '--lengths', '100')
    t.check([m['method'] for m in given['methods']] ==
            ['hybrid:cf=2', 'hybrid:cf=1', 'hybrid:cf=3'], 'a sweep over a given method')


def test_curve(t):
    root = table(t, '--lengths', 300, '--curve', 'c.tsv', '-m', 'baseline', '-m', 'hybrid:cf=2')
    rows = nll_rows(t, '--lengths', 300, '-m', 'baseline', '-m', 'hybrid:cf=2')
    lines = list(csv.DictReader((t.folder / 'c.tsv').open(), delimiter='\t'))
    seen = 0
    for curve in root['curves']:
        for number, (first, end, tokens) in enumerate(zip(*(curve[k] for k in
                                                            ('first', 'end', 'tokens')))):
            t.check(curve['scale'] == 'linear' and end - first == 8 or end == 2 * first, str(curve))
            for method in curve['methods']:
                nll = [float(r['nll']) for r in rows if r['method'] == method['method']
                       and first <= int(r['position']) < end]
                t.check(len(nll) == tokens, f'{first} to {end}: {tokens} tokens')
                mean = math.fsum(nll) / tokens
                error = math.sqrt(math.fsum((x - mean) ** 2 for x in nll) /
                                  max(tokens - 1, 1) / tokens)
                t.check(math.isclose(method['nll'][number], mean, rel_tol=1e-6) and math.isclose(
                    method['stderr'][number], error, rel_tol=1e-4, abs_tol=1e-9),
                    f'{first} to {end}: {method["nll"][number]}, want {mean} ± {error}')
                line = next(x for x in lines if (x['method'], x['scale'], int(x['first'])) ==
                            (method['method'], curve['scale'], first))
                t.check(math.isclose(float(line['nll']), mean, rel_tol=1e-6) and
                        int(line['tokens']) == tokens and line['regime'] == 'prefix', str(line))
                seen += 1
        t.check(sum(curve['tokens']) == 299, 'tokens of a curve')
    t.check(seen == len(lines) and seen > 80, f'{seen} buckets, {len(lines)} lines')
    # On standard output, where the table would be.
    options = ('--model', MODEL, '--tokens', IDS, '--lengths', 300, '-m', 'baseline', '-m', 'hybrid:cf=2')
    t.check(t.run(*options, '--curve', '-').stdout == (t.folder / 'c.tsv').read_text(), '--curve -')
    lines = list(csv.DictReader(t.run(*options, '--nll', '-').stdout.splitlines(), delimiter='\t'))
    t.check(lines == rows, '--nll -')


def test_varying(t):
    """One pass a length where the frequencies change with it, and the output says why."""
    root = table(t, '--lengths', '50,64,100,200', '-m', 'dynamic-ntk:factor=2', '-m', 'baseline')
    first, second = root['methods']
    t.check(first['passes'] == 3 and 'grows with the length' in first['why'], str(first))
    t.check(second['passes'] == 1 and second['why'] is None, str(second))
    for length in (50, 64, 100):
        alone = table(t, '--lengths', length, '-m', 'dynamic-ntk:factor=2')
        t.check(cell_of(alone, 'dynamic-ntk:factor=2', length)['nll'] ==
                cell_of(root, 'dynamic-ntk:factor=2', length)['nll'], f'at {length}')
    t.check(cell_of(root, 'baseline', 64)['nll'] ==
            cell_of(root, 'dynamic-ntk:factor=2', 64)['nll'], 'up to the original length')
    text = t.run(*COMMON, '--lengths', '64,100', '-m', 'dynamic-ntk:factor=2').stdout
    t.check('took 2 passes (dynamic-ntk: its base grows with the length)' in text, text)


def test_own(t):
    folder = DATA / 'tiny-scaled-longrope'
    common = ('--model', folder, '--tokens', DATA / 'tiny-untied.ids', '--quiet')
    methods = [x for m in ('baseline', 'hybrid:cf=2', 'linear:factor=2', 'own+linear:factor=2')
               for x in ('-m', m)]
    root = table(t, '--lengths', '40,48,100,200', *methods, common=common)
    own = 'longrope:factor=1.3333333333333333,original=48'
    t.check(root['own_scaling'] == own, root['own_scaling'])
    t.check([m['applied'] for m in root['methods']] ==
            [own, f'{own}+hybrid:cf=2', 'linear:factor=2', f'{own}+linear:factor=2'],
            str(root['methods']))
    t.check([m['passes'] for m in root['methods']] == [2, 2, 1, 2], 'passes')
    text = t.run(*common, '--lengths', '100', *methods).stdout
    t.check(f'own scaling     {own}' in text and
            f"linear:factor=2 takes the place of the model's own {own}" in text, text)
    # The same lists from a file give the same numbers.
    spec = f'longrope:factor={4 / 3!r},original=48,file={folder / "config.json"}'
    read = table(t, '--lengths', '40,100', '-m', spec, common=common)
    for length in (40, 100):
        t.check(cell_of(read, read['methods'][0]['method'], length)['nll'] ==
                cell_of(root, 'baseline', length)['nll'], 'lists from a file')


def test_own_of_family(t):
    """Phi-3's LongRoPE, on half of its heads and with windows, is the method of that name."""
    plain, folder = DATA / 'family-phi3', t.folder / 'phi3-long'
    shutil.copytree(plain, folder)
    config = json.loads((folder / 'config.json').read_text())
    config['original_max_position_embeddings'] = 48
    config['rope_parameters'] |= {'rope_type': 'longrope', 'short_factor': [1 + i / 64 for i in range(24)],
                                  'long_factor': [1 + i / 4 for i in range(24)]}
    (folder / 'config.json').write_text(json.dumps(config))
    rest = ('--tokens', DATA / 'family-phi3.ids', '--quiet')
    own = table(t, '--lengths', '40,100', '-m', 'baseline', common=('--model', folder, *rest))
    spec = f'longrope:factor={4 / 3!r},original=48,file={folder / "config.json"}'
    read = table(t, '--lengths', '40,100', '-m', 'baseline', '-m', spec,
                 common=('--model', plain, *rest))
    t.check(own['own_scaling'] == 'longrope:factor=1.3333333333333333,original=48', own['own_scaling'])
    for length in (40, 100):
        nll = cell_of(own, 'baseline', length)['nll']
        t.check(nll == cell_of(read, read['methods'][1]['method'], length)['nll'] and
                nll != cell_of(read, 'baseline', length)['nll'], f'phi3 at {length}')


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    test_windows(t)
    test_chunked(t)
    test_usage(t)
    test_texts(t)
    test_unequal(t)
    test_sweep(t)
    test_curve(t)
    test_varying(t)
    test_own(t)
    test_own_of_family(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
