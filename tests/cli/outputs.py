#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl where the disk is full: an error that names the file, which stays as it was."""
import os
import resource
import signal
import subprocess
import sys

from cli_test import DATA, SKIPPED, Tests

COMMON = ('--model', DATA / 'tiny-tied-f32.gguf', '--tokens', DATA / 'tiny-tied.ids', '--lengths',
          '64,300', '--quiet')
OLD = b'what was there before'


def full_disk():
    """No file of the process grows beyond 64 bytes; writing more is an error, not a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def test_full(t, name, *options):
    for before in (OLD, None):
        path = t.folder / name
        path.unlink(missing_ok=True)
        if before:
            path.write_bytes(before)
        done = subprocess.run([*t.command, *map(str, COMMON), *options], cwd=t.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=full_disk, timeout=120, env=dict(os.environ))
        lines = done.stderr.splitlines()
        # a page also tells which plots it lacks
        t.check(done.returncode == 2 and len(lines) == (4 if name == 'r.html' else 1) and
                name in lines[-1] and 'File too large' in lines[-1],
                f'{options}: {done.returncode}, {done.stderr!r}')
        t.check((path.read_bytes() if path.exists() else None) == before, f'{name} has changed')
        t.check(sorted(p.name for p in t.folder.iterdir()) == ([name] if before else []),
                f'{name}: a temporary file stays')
        path.unlink(missing_ok=True)


def main():
    t = Tests(sys.argv[1])
    if not t.has_device():
        print('no Vulkan device', file=sys.stderr)
        return SKIPPED
    for name in ('r.json', 'r.csv', 'r.md', 'r.txt', 'r.html'):
        test_full(t, name, '-o', name)
    test_full(t, 'r.nll', '-o', '/dev/null', '--format', 'csv', '--nll', 'r.nll')
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
