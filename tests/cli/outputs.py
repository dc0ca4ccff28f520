#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl where the disk is full: an error that names the file, which stays as it was.

outputs.py PROGRAM FULL_DISK
"""
import shutil
import sys

from cli_test import DATA, Tests, full_disk

COMMON = ('--model', DATA / 'tiny-tied-f32.gguf', '--tokens', DATA / 'tiny-tied.ids', '--lengths',
          '64,300', '--quiet')
OLD = b'what was there before'


def test_full(t, full, name, *options):
    # a page also tells which plots it lacks
    lacking = 3 if name == 'r.html' and not shutil.which('gnuplot') else 0
    for before in (OLD, None):
        path = t.folder / name
        path.unlink(missing_ok=True)
        if before:
            path.write_bytes(before)
        done = t.run(*COMMON, *options, code=2, env=full)
        lines = done.stderr.splitlines()
        t.check(len(lines) == 1 + lacking and name in lines[-1] and
                'No space left on device' in lines[-1], f'{options}: {done.stderr!r}')
        t.check((path.read_bytes() if path.exists() else None) == before, f'{name} has changed')
        t.check(sorted(p.name for p in t.folder.iterdir()) == ([name] if before else []),
                f'{name}: a temporary file stays')
        path.unlink(missing_ok=True)


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    full = full_disk(sys.argv[2], 64)
    for name in ('r.json', 'r.csv', 'r.md', 'r.txt', 'r.html'):
        test_full(t, full, name, '-o', name)
    test_full(t, full, 'r.nll', '-o', '/dev/null', '--format', 'csv', '--nll', 'r.nll')
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
