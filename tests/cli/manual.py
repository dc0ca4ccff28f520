#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--help fits a screen; manual pages and shell completion know every option that it knows.

manual.py PROGRAM COMPLETION [PAGE] [--of COMMAND], COMMAND one of the program's own.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

OPTION = re.compile(r'^ +(?:-\S, )? *(--[a-z-]+)', re.M)
SOURCES = pathlib.Path(__file__).resolve().parents[2] / 'tools'
LINES, COLUMNS = 50, 80
failures = 0


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message, file=sys.stderr)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def complete(program, completion, *words):
    """What bash offers for the last of the words."""
    script = (f'source {completion}; COMP_WORDS=({" ".join(words)}); '
              f'COMP_CWORD={len(words) - 1}; _vkhrope {program}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    return run('bash', '-c', script).split()


def test_screen(text):
    lines = text.splitlines()
    check(len(lines) <= LINES, f'--help has {len(lines)} lines')
    for line in lines:
        check(len(line) <= COLUMNS and line == line.rstrip() or line.startswith('Usage: '), f'{line!r} in --help')
    for end in ('Example:', 'Exit codes: 0', 'More: man '):
        check(sum(line.startswith(end) for line in lines) == 1, f'no line {end!r} in --help')


def test_sources(page, text):
    """Where a pattern in an included file matches no option, help2man leaves out what belongs to it."""
    names = [page.stem, 'manual'] + (['ppl_outputs'] if 'ppl' in page.stem else [])
    for name in names:
        for line in (SOURCES / f'{name}.h2m').read_text(encoding='utf-8').splitlines():
            kept = line.startswith(('[', '/')) or line.replace('\\-', '-') in text
            check(kept, f'{page.name}: {line!r} of {name}.h2m is missing')


def test_page(page, options):
    text = page.read_text(encoding='utf-8').replace('\\-', '-')
    test_sources(page, text)
    check('Exit codes: 0' not in text, f'{page.name}: the end of --help is in it')
    for option in options:
        check(f'\\fB{option}\\fR' in text, f'{page.name}: {option} is missing')
    for section in ('NAME', 'SYNOPSIS', 'DESCRIPTION', '"EXIT STATUS"', 'ENVIRONMENT', '"SEE ALSO"'):
        check(f'\n.SH {section}\n' in text, f'{page.name}: no section {section}')
    if shutil.which('man'):
        done = subprocess.run(['man', '--warnings', '-l', str(page)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, MANWIDTH='80', LC_ALL='C.UTF-8', MANPAGER='cat'))
        check(done.returncode == 0 and done.stderr == '', f'{page.name}: {done.stderr}')
        check(len(done.stdout.splitlines()) > 20, f'{page.name}: hardly a line')


def main(program, completion, *rest):
    command = [rest[-1]] if '--of' in rest else []
    page = rest[0] if rest and rest[0] != '--of' else None
    name = pathlib.Path(program).name
    text = run(program, *command, '--help')
    options = OPTION.findall(text)
    test_screen(text)
    check('--help' in options and len(options) >= 5, f'options {options}')
    check(sorted(complete(program, completion, name, *command, '--')) == sorted(options),
          'completion and --help differ')
    check(complete(program, completion, name, *command, '--he') == ['--help'], '--he')
    if name == 'vkhrope-ppl' and not command:
        check('merge' in complete(program, completion, name, 'me'), 'merge')
        for words in (('--format', 'j'), ('--format', '=', 'j')):
            check(complete(program, completion, name, *words) == ['json'], words)
        check(complete(program, completion, name, '--kv-type', 'q') == ['q8_0'], '--kv-type')
    if page:
        test_page(pathlib.Path(page), options)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
