#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Public headers: each compiles alone as C11 and as C++17, and together they declare exactly what
the map lets out and what the library holds.

public.py SOURCE LIBRARY C++-COMPILER|'' C-COMPILER...
"""
import pathlib
import re
import subprocess
import sys

DECLARED = re.compile(r'^VKH_API[^;(]*?\b(vkh_\w+)\(', re.M)
FUNCTION = re.compile(r'^(?!typedef|static|#|//|\s)[^;{}=]*?\bvkh_\w+\(', re.M)


def compile_alone(compiler, language, standard, include, header):
    done = subprocess.run([*compiler, f'-std={standard}', '-x', language, '-fsyntax-only', '-Wall',
                           '-Wextra', '-pedantic', '-Werror', f'-I{include}', str(header)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return [] if done.returncode == 0 else [f'{header.name} as {standard}:\n{done.stdout}']


def exported(library):
    text = subprocess.run(['nm', '--dynamic', '--defined-only', '--with-symbol-versions', library],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    names = [line.split()[-1] for line in text.splitlines() if line.split()[-2] in 'TDBRW']
    return {tuple(name.split('@@')) for name in names if '@@' in name}, names


def problems(source, library, cxx, cc):
    include, declared = source / 'include', set()
    for header in sorted((include / 'vkhrope').glob('*.h')):
        text = header.read_text(encoding='utf-8')
        declared |= set(DECLARED.findall(text))
        for start in FUNCTION.findall(text):
            if not start.startswith('VKH_API'):
                yield f'{header.name}: not marked VKH_API: {start}'
        yield from compile_alone(cc, 'c', 'c11', include, header)
        if cxx:
            yield from compile_alone([cxx], 'c++', 'c++17', include, header)
    mapped = re.findall(r'^    (vkh_\w+);$', (source / 'src/vkhrope.map').read_text(), re.M)
    if mapped != sorted(declared):
        yield f'src/vkhrope.map and the headers differ in {sorted(set(mapped) ^ declared)}'
    versioned, names = exported(library)
    if {name for name, _ in versioned} != declared:
        yield f'library and headers differ in {sorted({n for n, _ in versioned} ^ declared)}'
    if {version for _, version in versioned} != {'VKHROPE_0'}:
        yield f'versions of the symbols: {sorted({version for _, version in versioned})}'
    for name in names:
        if '@@' not in name:
            yield f'{name} leaves the library without a version'


if __name__ == '__main__':
    found = list(problems(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
    print('\n'.join(found) or 'headers, map and library agree')
    sys.exit(bool(found))
