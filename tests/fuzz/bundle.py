#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bundle.py OUT FILE...: a model's files as one input of fuzz-model, each after its name and a line
break, a mark between them.
"""
import pathlib
import sys

MARK = b'\xfe\xff\xff\xfe'

if __name__ == '__main__':
    out, *files = map(pathlib.Path, sys.argv[1:])
    out.write_bytes(MARK.join(file.name.encode() + b'\n' + file.read_bytes() for file in files))
