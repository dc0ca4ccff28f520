#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-tokenize: listings, ids, and its errors.

tokenizer.py PROGRAM FULL_DISK
"""
import json
import pathlib
import sys

from cli_test import DATA, Tests, full_disk

NAMES = ('gpt2', 'llama3', 'qwen2', 'smollm')
MODEL = DATA / 'tokenizer-llama3.json'


def test_help(t):
    done = t.run('--help')
    for word in ('--model', '--text', '--ids', '--output', '--quiet', 'Example', 'Exit codes'):
        t.check(word in done.stdout, f'--help does not tell about {word}')
    version = t.run('--version')
    t.check(version.stdout.startswith('vkhrope-tokenize ') and version.stdout.count('\n') == 1,
            f'--version says {version.stdout!r}')


def test_ids(t):
    """Golden ids through the tool, from every file that holds the tokenizer."""
    for name in NAMES:
        golden = json.loads((DATA / f'tokenizer-{name}.ids.json').read_text(encoding='utf-8'))
        bos = [] if golden['bos'] is None else [golden['bos']]
        for case in golden['cases'][:4]:
            text = t.write('text', case['text'])
            for model in (DATA / f'tokenizer-{name}.json', DATA / f'tokenizer-{name}.gguf'):
                done = t.run('--model', model, '--text', text, '--ids')
                ids = [int(word) for word in done.stdout.split()]
                t.check(ids == bos + case['ids'], f'{model.name}: other ids for {case["text"]!r}')


def test_lines(t):
    text = t.write('text', 'a' * 40)
    model = DATA / 'tokenizer-gpt2.json'
    lines = t.run('--model', model, '--text', text, '--ids').stdout.splitlines()
    words = [len(line.split()) for line in lines]
    t.check(all(n == 16 for n in words[:-1]) and 1 <= words[-1] <= 16, f'{words} ids a line')
    out = t.folder / 'out'
    done = t.run('--model', model, '--text', text, '--ids', '--output', out)
    t.check(done.stdout == '' and out.read_text().splitlines() == lines, 'not the same in a file')
    done = t.run('--model', model, '--text', '-', '--ids', input=b'a' * 40)
    t.check(done.stdout.splitlines() == lines, 'not the same from standard input')
    folder = t.folder / 'model'
    folder.mkdir()
    (folder / 'tokenizer.json').write_bytes(model.read_bytes())
    done = t.run('--model', folder, '--text', text, '--ids')
    t.check(done.stdout.splitlines() == lines, 'not the same from a directory')
    t.check(t.run('--model', model, '--text', t.write('empty', ''), '--ids').stdout == '',
            'an empty text has ids')


def test_listing(t):
    text = t.write('text', b'\x00\x1b"\\\n\xe2\x80\xaex\xf0\x9f\x98\x80')
    done = t.run('--model', DATA / 'tokenizer-gpt2.json', '--text', text)
    rows = [line.split(None, 2) for line in done.stdout.splitlines()]
    t.check([int(row[0]) for row in rows] == list(range(len(rows))), 'indices do not count up')
    shown = ''.join(row[2][1:-1] for row in rows)
    t.check(shown.startswith('\\u{0}\\u{1b}\\"\\\\\\n'), f'shown as {shown}')
    t.check('\u202e' not in done.stdout and '\x1b' not in done.stdout, 'controls went out')


def test_usage(t):
    text = t.write('text', 'a')
    t.fails(1, '--text', text, says='--model is missing')
    t.fails(1, '--model', MODEL, says='--text is missing')
    t.fails(1, '--model', MODEL, '--text', text, 'stray', says='stray')
    t.fails(1, '--model', MODEL, '--model', MODEL, '--text', text, says='--model is given twice')
    t.fails(1, '--model', '', '--text', text, says='--model')
    done = t.run('--bogus', code=1)
    t.check('--help' in done.stderr, done.stderr)


def test_files(t):
    text, common = t.write('text', 'a'), ('--model', MODEL, '--text')
    t.fails(2, *common, 'nowhere', says='nowhere')
    t.fails(2, *common, t.folder, says=str(t.folder))
    t.fails(2, '--model', 'nowhere', '--text', text, says='nowhere')
    t.fails(2, '--model', text, '--text', text, says=(str(text), 'not JSON'))
    t.fails(2, *common, t.write('latin', b'ab\xe9'), says=('latin', 'byte 2'))
    t.fails(2, *common, '-', input=b'\xff', says=('standard input', 'byte 0'))
    t.fails(2, *common, text, '--output', 'no/such/folder', says='no/such/folder')
    document = json.loads(MODEL.read_text(encoding='utf-8'))
    document['model']['type'] = 'Unigram'
    wrong = t.write('wrong.json', json.dumps(document))
    t.fails(2, '--model', wrong, '--text', text, says=('wrong.json', 'model.type', 'Unigram'))
    t.fails(2, '--model', t.write('half.json', MODEL.read_bytes()[:9000]), '--text', text,
            says='half.json')
    if pathlib.Path('/dev/full').exists():
        t.fails(2, *common, text, '--output', '/dev/full', says='/dev/full')


def test_output(t, module):
    """No output replaces an input, and where the disk is full the file stays as it was."""
    text, model = t.write('own.txt', 'abc ' * 99), t.write('own.json', MODEL.read_bytes())
    (t.folder / 'link.txt').symlink_to('own.txt')
    common = ('--model', model, '--text', text, '--ids', '-o')
    for output in ('own.txt', 'link.txt', text):
        t.fails(1, *common, output, says=('--output', str(output), '--text'))
    t.fails(1, *common, 'own.json', says=('--output', '--model'))
    t.check(text.read_text() == 'abc ' * 99, 'the text is gone')
    t.run(*common, '-')
    full = full_disk(module, 64)
    for before in ('what was there', None):
        out = t.folder / 'full.ids'
        out.unlink(missing_ok=True)
        if before:
            out.write_text(before)
        t.fails(2, *common, 'full.ids', env=full, says=('full.ids', 'No space left on device'))
        t.check((out.read_text() if out.exists() else None) == before, 'the old file is gone')
        t.check(len(list(t.folder.glob('full.ids*'))) == bool(before), 'a temporary file stays')
    (t.folder / 'link.ids').symlink_to('real.ids')
    t.write('real.ids', '')
    t.run(*common, 'link.ids')
    t.check((t.folder / 'link.ids').is_symlink() and (t.folder / 'real.ids').read_text(), 'a link')


if __name__ == '__main__':
    tests = Tests(sys.argv[1])
    test_help(tests)
    test_ids(tests)
    test_lines(tests)
    test_listing(tests)
    test_usage(tests)
    test_files(tests)
    test_output(tests, sys.argv[2])
    sys.exit(tests.result())
