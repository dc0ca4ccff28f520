#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-info --tune: what is measured, kept in the user's cache folder and shown from there."""
import json
import os
import pathlib
import re
import sys

from cli_test import Tests
from info import variants


def measured(text):
    """(file, {(operation with type, variant): used}) of the last part; (None, {}) without it."""
    parts = text.split('\nmeasured, in ')
    if len(parts) == 1:
        return None, {}
    lines, rows, operation = parts[1].splitlines(), {}, None
    for line in lines[1:]:
        found = re.match(r'  (\S+(?: \S+)?|) +(\S+) +(used|) +[0-9.e+]+ ms$', line)
        if found:
            operation = found[1] or operation
            rows[operation, found[2]] = found[3] == 'used'
    return pathlib.Path(lines[0]), rows


def test_cache(t):
    cache = t.folder / 'cache'
    # Mesa would have a cache of its own there, and tell when it cannot.
    os.environ.setdefault('MESA_SHADER_CACHE_DIR', str(t.folder))
    env = {'XDG_CACHE_HOME': str(cache), 'HOME': str(t.folder)}
    done = t.run(env=env)
    file, rows = measured(done.stdout)
    t.check(done.stderr == '' and file and file.parent == cache / 'vkhrope' and not rows,
            f'{file}, {rows}')
    t.check(not cache.exists() or not file.exists(), 'something was kept of nothing')
    for wrong in ({**env, 'XDG_CACHE_HOME': 'relative'}, {**env, 'XDG_CACHE_HOME': ''}):
        t.check(measured(t.run(env=wrong).stdout)[0].parent == t.folder / '.cache/vkhrope', wrong)
    nowhere = {**env, 'XDG_CACHE_HOME': '', 'HOME': ''}
    done = t.run(env=nowhere)
    t.check(done.stderr == '' and measured(done.stdout) == (None, {}), done.stdout)
    t.fails(2, '--tune', env=nowhere, says='cache folder')
    blocked = {**env, 'XDG_CACHE_HOME': str(t.write('blocked', ''))}
    t.check(t.run(env=blocked).stderr == '', 'a folder that cannot be made')
    t.fails(2, '--tune', env=blocked, says='cache folder')
    t.fails(1, '--tune', '--variant', 'tier=rows', env=env, says='by hand')

    done = t.run('--tune', env=env)
    rows = measured(done.stdout)[1]
    kept = json.loads(file.read_text()) if rows else {'choices': []}
    want = {(' '.join(filter(None, (c['operation'], c['type']))), name): name == c['chosen']
            for c in kept['choices'] for name in c['variants']}
    t.check(done.stderr == '' and rows == want, f'{rows}, kept {want}')
    for operation, variant, used, why in variants(done.stdout):
        key = next((k for k in ((f'{operation} F16', variant), (operation, variant)) if k in rows),
                   None)
        t.check(not key or (used == rows[key] and 'measured' in why), (operation, variant, why))
    t.check(measured(t.run(env=env).stdout)[1] == rows, 'the next run shows other choices')
    masked = measured(t.run('--minimum-limits', env=env).stdout)
    t.check(masked[0] != file and not masked[1], f'other capabilities, same choices: {masked}')


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    test_cache(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
