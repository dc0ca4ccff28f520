#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Token ids of a text, on one line: what reference.py reads."""
import argparse
import pathlib

from tokenizers import Tokenizer

args = argparse.ArgumentParser(description=__doc__)
args.add_argument('tokenizer', type=pathlib.Path, help='tokenizer.json')
args.add_argument('text', type=pathlib.Path)
args = args.parse_args()
tokenizer = Tokenizer.from_file(str(args.tokenizer))
print(*tokenizer.encode(args.text.read_text(encoding='utf-8')).ids)
