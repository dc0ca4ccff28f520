#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl: the command line and its errors; needs no device."""
import sys

from cli_test import DATA, Tests

MODEL, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'


def test_help(t):
    done = t.run('--help')
    for word in ('--model', '--text', '--tokens', '--lengths', '--method', '--original-max-len',
                 '--device', '--list-devices', '--format', '--output', '--plot', '--nll', '--chunk',
                 '--memory-plan', '--memory=SIZE', '--sweep', '--list-methods', '--window', '--stride', '--chunked',
                 '--curve', '--kl', '--kl-model', '--quiet', '--verbose', '--variant', '--caps-mask',
                 '--kv-type', '--resume', '--reference', 'Example', '--shard', '--devices', 'vkhrope-ppl merge',
                 'Exit codes'):
        t.check(word in done.stdout, f'--help does not tell about {word}')
    t.check(done.stderr == '', '--help writes to stderr')
    version = t.run('--version')
    t.check(version.stdout.startswith('vkhrope-ppl ') and version.stdout.count('\n') == 1,
            f'--version says {version.stdout!r}')


def test_missing(t):
    t.fails(1, says='--model')
    t.fails(1, '--model', MODEL, says=('--text', '--tokens'))
    t.fails(1, '--model', MODEL, '--text', IDS, '--tokens', IDS, says=('--text', '--tokens'))
    t.fails(1, '--model', MODEL, '--model', MODEL, '--tokens', IDS, says='--model is given twice')
    t.fails(1, '--model', MODEL, '--tokens', IDS, 'stray', says='stray')
    t.fails(1, '--model', '', '--tokens', IDS, says='--model')
    t.fails(1, '--model', MODEL, '--memory-plan', says='--text')
    for unknown in ('--bogus', '-Z'):
        done = t.run(unknown, code=1)
        t.check('vkhrope-ppl' in done.stderr and '--help' in done.stderr, done.stderr)


def test_numbers(t):
    common = ('--model', MODEL, '--tokens', IDS)
    bad = ('', '12abc', '-5', '+5', ' 5', '5 ', '0x10', '1e3', '1.5', '4294967296',
           '99999999999999999999', '0')
    for option in ('--chunk', '--original-max-len'):
        for number in bad:
            t.fails(1, *common, f'{option}={number}', says=(option, f'"{number}"'))
    for number in bad + ('1', '100,', ',100', '100,,200', '100;200', '100, 200'):
        t.fails(1, *common, f'--lengths={number}', says='--lengths')
    t.fails(1, *common, '--lengths', '100,4097', says=('4097', '300', str(IDS)))
    t.fails(1, *common, '--lengths', '301', says=('301', '300'))
    for option, least in (('--window', 2), ('--chunked', 4)):
        t.fails(1, *common, option, least - 1, says=(option, f'from {least} to'))


def test_sizes(t):
    common = ('--model', MODEL, '--tokens', IDS)
    for size in ('', '0', '0GiB', 'GiB', '-1', '1.5GiB', '6GB', '6G', '6gib', '6 GiB', '6GiBs',
                 '18446744073709551616', '17179869184GiB'):
        t.fails(1, *common, f'--memory={size}', says=('--memory', f'"{size}"', 'GiB or TiB, as 6GiB'))


def test_names(t):
    common = ('--model', MODEL, '--tokens', IDS)
    t.fails(1, *common, '--format', 'xml', says=('--format', 'xml', 'markdown'))
    t.fails(1, *common, '--output', 'results.xml', says=('--output', 'results.xml', '.html'))
    t.fails(1, *common, '--plot', 'plot.pdf', says=('--plot', '.svg', '.png'))
    t.fails(1, *common, '--caps-mask', 'float16,flaot16', says=('flaot16', 'float16'))
    t.fails(1, *common, '--kv-type', 'f64', says=('--kv-type', 'f64', 'f16', 'q8_0'))
    t.fails(1, *common, '--kv-type', 'q8', says=('--kv-type', '"q8"', 'q8_0'))
    t.fails(1, *common, '--caps-mask', '', says='--caps-mask')
    for variant in ('matmul', 'matmul=', '=floor', 'matmul=floor,embed=floor', ''):
        t.fails(1, *common, '--variant', variant, says='--variant')
    for option in ('--output=no/such/folder/a.json', '--plot=no/a.svg', '--nll=no/nll'):
        t.fails(2, *common, option, says=option.split('=')[1])


def test_overwriting(t):
    """No output replaces an input or another output."""
    book = t.write('book.json', '1 2 3')
    (t.folder / 'link.json').symlink_to('book.json')
    common = ('--model', MODEL, '--tokens', book)
    t.fails(1, *common, '-o', 'book.json', says=('--output', '--tokens'))
    t.fails(1, *common, '-o', 'link.json', says=('--output', '--tokens'))
    t.fails(1, *common, '--nll', book, says=('--nll', '--tokens'))
    t.fails(1, *common, '-o', 'a.csv', '--nll', 'a.csv', says=('--nll', '--output'))
    t.fails(1, *common, '-o', 'a.csv', '-o', 'a.csv', says='--output')
    t.fails(1, *common, '--nll', '-', '--curve', '-', says=('--curve', '--nll'))
    t.fails(1, *common, '--nll', '-', '--format', 'json', says=('--format', '--nll', '--output'))
    t.fails(1, *common, '--curve', '-', '--format', 'table', says=('--format', '--curve'))
    t.fails(2, *common, '--nll', t.folder, says=str(t.folder))
    t.check(book.read_text() == '1 2 3', 'the tokens are gone')


def test_resume(t):
    common = ('--model', MODEL, '--tokens', IDS, '--resume', 'run.ckpt')
    t.fails(1, *common, '--devices', '0,1', says="--resume: a checkpoint is of one device's run")
    t.check(not (t.folder / 'run.ckpt').exists(), 'a checkpoint was made')


def test_inputs(t):
    model = ('--model', MODEL)
    t.fails(2, '--model', 'missing.gguf', '--tokens', IDS, says='missing.gguf')
    t.fails(2, '--model', t.write('empty.gguf', ''), '--tokens', IDS, says='empty.gguf')
    t.fails(2, '--model', t.write('text.gguf', 'not a model'), '--tokens', IDS, says='text.gguf')
    t.fails(2, '--model', t.folder, '--tokens', IDS, says=str(t.folder))
    whole = MODEL.read_bytes()
    for size in (3, 8, 23, 100, 1000, len(whole) // 2, len(whole) - 1):
        t.fails(2, '--model', t.write('cut.gguf', whole[:size]), '--tokens', IDS, says='cut.gguf')

    t.fails(2, *model, '--tokens', 'missing.ids', says='missing.ids')
    t.fails(2, *model, '--tokens', t.folder, says=str(t.folder))
    for content, says in (('1 2 x3 4', ':1:5: "x3"'), ('1 2\n3 -4', ':2:3: "-4"'),
                          ('1 2147483648', ':1:3: "2147483648"'), ('1,2', ':1:1: "1,2"'),
                          ('1 2.0', ':1:3: "2.0"'), (b'1 \xff\x1b[2J', ':1:3: '),
                          (b'1 2\0', ':1:3: '), ('1 2 159 300', 'id 300 at index 3'),
                          ('', '0 tokens'), ('\n \t', '0 tokens'), ('7', '1 tokens')):
        done = t.fails(2, *model, '--tokens', t.write('bad.ids', content), says=('bad.ids', says))
        t.check('\x1b' not in done.stderr, 'a control character reached the terminal')
    t.fails(2, *model, '--tokens', '-', says='0 tokens', input=b'')
    t.fails(2, *model, '--text', IDS, says=MODEL.name)  # the model has no tokenizer


def test_plot(t):
    """Without gnuplot, or one that cannot draw, nothing is begun: not even the model is opened."""
    bare = {'PATH': ''}
    missing = ('--plot: p.svg', 'gnuplot', 'not installed', 'install it')
    t.fails(2, '--model', 'missing.gguf', '--tokens', IDS, '--plot', 'p.svg', env=bare, says=missing)
    t.fails(2, 'merge', 'missing.json', '--plot', 'p.svg', env=bare, says=missing)
    t.write('gnuplot', '#!/bin/sh\ncat >&2\nexit 1\n').chmod(0o755)
    for ending, terminal in (('svg', 'set terminal svg '), ('png', 'set terminal pngcairo ')):
        t.fails(2, '--model', 'missing.gguf', '--tokens', IDS, '--plot', f'p.{ending}',
                env={'PATH': f'{t.folder}:/usr/bin:/bin'}, says=(f'--plot: p.{ending}', terminal))
        t.check(not (t.folder / f'p.{ending}').exists(), f'a plot.{ending} that nobody drew')
    (t.folder / 'gnuplot').unlink()


def test_reference(t):
    """A published table that cannot be read, or that nothing shows, ends the run before it begins."""
    common = ('--model', 'missing.gguf', '--tokens', IDS, '--reference')
    good, bad = t.write('good.csv', '64,64,1,baseline\n'), t.write('bad.csv', '64,64\n')
    page = ('-o', 'r.html')
    t.fails(2, *common, 'missing.csv', *page, says=('--reference', 'missing.csv', 'cannot open'))
    t.fails(2, *common, bad, *page, says=('--reference', 'bad.csv:1'))
    t.fails(2, *common, bad, '--format', 'html', says='bad.csv:1')
    t.fails(2, *common, good, *page, says='missing.gguf')
    t.fails(2, 'merge', 'missing.json', '--reference', bad, *page, says='bad.csv:1')
    for others in ((), ('-o', 'r.json'), ('--format', 'csv'), ('-o', 'r.md', '--plot', 'r.svg')):
        t.fails(1, *common, good, *others, says=('--reference', 'no output is HTML'))


def main():
    tests = Tests(sys.argv[1])
    test_help(tests)
    test_missing(tests)
    test_numbers(tests)
    test_sizes(tests)
    test_names(tests)
    test_overwriting(tests)
    test_resume(tests)
    test_plot(tests)
    test_reference(tests)
    test_inputs(tests)
    return tests.result()


if __name__ == '__main__':
    sys.exit(main())
