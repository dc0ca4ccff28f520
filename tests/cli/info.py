#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-info: devices, the variants chosen and why, a model's description."""
import re
import sys

from cli_test import DATA, Tests

OF_MATRICES = {'operands', 'unpack', 'tile'}
OPERATIONS = {'matmul', 'attention', 'head', 'tier', 'operands', 'unpack', 'tile'}


def variants(text):
    """[(operation, variant, used, reason)] of the part below the devices, without measured times."""
    rows, operation = [], None
    for line in text.split('kernel variants on ')[1].split('\nmeasured, in ')[0].splitlines()[1:]:
        found = re.match(r'  (\S*) +(\S+) +(used|) {2,}(\S.*)$', line)
        if found:
            operation = found[1] or operation
            rows.append((operation, found[2], found[3] == 'used', found[4]))
    return rows


def test_devices(t):
    done = t.run()
    t.check(done.stderr == '', f'stderr: {done.stderr!r}')
    for word in ('device 0: ', 'driver ', 'Vulkan 1.', 'memory ', 'workgroups ', 'subgroups ',
                 'capabilities '):
        t.check(word in done.stdout, f'{word!r} is not shown')
    rows = variants(done.stdout)
    t.check(OPERATIONS <= {row[0] for row in rows}, f'operations {rows}')
    for operation in {row[0] for row in rows}:
        used = [row for row in rows if row[0] == operation and row[2]]
        # No operands, unpack and tile where there are no matrices.
        some = operation not in OF_MATRICES or not all(row[3].startswith(('needs', 'not')) for row in rows
                                              if row[0] == operation)
        t.check(len(used) == some, f'{operation}: used {used}')
    return rows


def test_masks(t, rows):
    least = variants(t.run('--minimum-limits').stdout)
    t.check([row[:2] for row in least] == [row[:2] for row in rows], 'another list of variants')
    for operation in {row[0] for row in least} - OF_MATRICES:
        first = next(row for row in least if row[0] == operation)
        t.check(first[2], f'minimum limits: {first} is not used')
    masked = t.run('--caps-mask', 'subgroup,cpu')
    left = re.search(r'capabilities left: (.*)', masked.stdout)
    t.check(left and 'subgroup,' not in left[1] and 'cpu' not in left[1], masked.stdout)
    for operation, variant, used, _ in rows:
        if used:
            continue
        spec = f'{operation}={variant}'
        if next(r for r in rows if r[:2] == (operation, variant))[3].startswith(('needs', 'not')):
            continue
        by_hand = variants(t.run('--variant', spec).stdout)
        t.check((operation, variant, True, 'chosen by --variant') in by_hand, f'{spec}: {by_hand}')
    chosen = [row[:2] for row in least if row[2]]
    t.check(('tier', 'rows') in chosen, f'minimum limits: {chosen}')
    matrix = next(row for row in rows if row[:2] == ('tier', 'matrix'))
    t.check(matrix[2] or matrix[3].startswith(('needs matrix16', 'processors take it', 'not as')), matrix)
    operands = any(row[2] for row in rows if row[0] == 'operands')
    t.check(operands or not matrix[2], f'matrices without operands: {rows}')
    t.check(operands != matrix[3].startswith(('needs', 'not as')), f'{matrix}, operands {operands}')


def test_model(t):
    text = t.run('--model', DATA / 'tiny-untied-f16.gguf').stdout
    for line in ('name +tiny-untied', 'architecture +llama', 'weights +F16', 'trained at +64 tokens',
                 'layers +1', 'heads +4 of 32, 1 for', 'vocabulary +157'):
        t.check(re.search(f'^{line}', text, re.M), f'{line!r} is not in {text}')
    text = t.run('--model', DATA / 'tiny-mixed-00003-of-00003.gguf').stdout
    for line in ('name +tiny-mixed', r'weights +Q5_1\+Q5_K\+.*\+Q3_K, ', 'layers +2'):
        t.check(re.search(f'^{line}', text, re.M), f'{line!r} is not in {text}')
    evil = (DATA / 'tiny-untied-f16.gguf').read_bytes().replace(b'tiny-untied', b'\x1b[2J\n\x07-bad!', 1)
    text = t.run('--model', t.write('evil.gguf', evil)).stdout
    t.check('\x1b' not in text and '?[2J??-bad!' in text, f'a name steers the terminal: {text!r}')
    t.fails(2, '--model', 'missing.gguf', says='missing.gguf')
    model = ('--model', DATA / 'tiny-untied-f16.gguf')
    for option in (['--tune'], ['--device', '0'], ['--variant', 'matmul=floor'],
                   ['--caps-mask', 'float16'], ['--minimum-limits']):
        t.fails(1, *option, *model, says=('--model', option[0]))


def test_usage(t):
    for word in ('--device', '--caps-mask', '--variant', '--tune', '--model', 'Exit codes'):
        t.check(word in t.run('--help').stdout, f'--help does not tell about {word}')
    t.fails(1, '--caps-mask', 'nope', says='nope')
    t.fails(1, '--variant', 'matmul=nope', says='matmul=nope')
    t.fails(1, 'stray', says='stray')
    t.fails(3, '--device', '99', says='99')
    t.fails(3, env={'VK_ICD_FILENAMES': '/nonexistent', 'VK_DRIVER_FILES': '/nonexistent'})


def main():
    t = Tests(sys.argv[1])
    test_model(t)
    t.needs_device()
    rows = test_devices(t)
    test_masks(t, rows)
    test_usage(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
