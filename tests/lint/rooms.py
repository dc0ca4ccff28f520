#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the source to docs/architecture.md: a room includes only the rooms below it.

Tools use the public headers; tools/bench times the kernels and so sees the internals, as tests do.
"""
import pathlib
import re
import sys

MAY_USE = {
    'base': set(),
    'rope': {'base'},
    'model': {'base'},
    'gpu': {'shaders', 'base'},
    'kernels': {'shaders', 'gpu', 'base'},
    'graph': {'kernels', 'model', 'rope', 'gpu', 'base'},
    'eval': {'graph', 'gpu', 'rope', 'base'},
    'report': {'base'},
    'api': {'base', 'rope', 'model', 'gpu', 'kernels', 'graph', 'eval', 'report'},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def problems(root):
    for path in sorted((root / 'src').rglob('*.[ch]')):
        text = path.read_text(encoding='utf-8')
        room = path.relative_to(root / 'src').parts[0]
        if not text.startswith('// SPDX-License-Identifier: MIT\n'):
            yield f'{path}: the first line is not the SPDX line'
        for name in INCLUDE.findall(text):
            other = name.split('/')[0]
            if other == room:
                continue
            if other not in MAY_USE[room]:
                yield f'{path}: {room} may not include "{name}"'
    for path in sorted((root / 'tools').glob('*.c')):
        for name in INCLUDE.findall(path.read_text(encoding='utf-8')):
            if '/' in name:
                yield f'{path}: a tool uses the public headers only, not "{name}"'


if __name__ == '__main__':
    found = list(problems(pathlib.Path(sys.argv[1])))
    print('\n'.join(found) or 'every include goes down')
    sys.exit(bool(found))
