#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds every tokenizer of data/ to its reference on every line of a text: Hugging Face's tokenizers
for each tokenizer.json and the GGUF of the same name, SentencePiece for the GGUFs trained with it.

  lines.py BUILD TEXT

Needs the packages that spm.py and tokenizer.py need. BUILD holds tests/golden/golden-lines.
"""
import argparse
import pathlib
import subprocess
import tempfile

from tokenizers import Tokenizer

import spm

HF = {'gpt2': ('json', 'gguf'), 'llama3': ('json', 'gguf'), 'qwen2': ('json', 'gguf'),
      'smollm': ('json', 'gguf'), 'llama2': ('json',), 'llama2-metaspace': ('json',),
      'gemma-hf': ('json',)}
SPM = ('llama2', 'gemma', 'spm')


def ours(build, tokenizer, lines):
    with tempfile.NamedTemporaryFile() as file:
        file.write('\n'.join(lines).encode())
        file.flush()
        program = pathlib.Path(build) / 'tests' / 'golden' / 'golden-lines'
        out = subprocess.run([program, tokenizer, file.name], stdout=subprocess.PIPE, check=True)
    return [[int(i) for i in line.split()] for line in out.stdout.decode().splitlines()]


def compare(what, lines, got, want):
    wrong = [i for i, line in enumerate(lines) if got[i] != want[i]]
    print(f'{what}: {len(lines)} lines, {len(wrong)} differ', flush=True)
    for i in wrong[:3]:
        print('  ', repr(lines[i][:200]))
    return len(wrong)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('build')
    args.add_argument('text', type=pathlib.Path)
    args = args.parse_args()
    # A line feed ends a line here, and nothing else does.
    lines = args.text.read_bytes().decode().split('\n')
    lines = lines[:-1] if lines[-1] == '' else lines
    wrong = 0
    for name, endings in HF.items():
        tokenizer = Tokenizer.from_file(str(spm.DATA / f'tokenizer-{name}.json'))
        want = [e.ids for e in tokenizer.encode_batch(lines)]
        for ending in endings:
            path = spm.DATA / f'tokenizer-{name}.{ending}'
            wrong += compare(path.name, lines, ours(args.build, path, lines), want)
    for name in SPM:
        model = spm.train(spm.KINDS[name])
        want = [[model.bos_id(), *model.EncodeAsIds(line)] for line in lines]
        path = spm.DATA / f'tokenizer-{name}.gguf'
        wrong += compare(path.name, lines, ours(args.build, path, lines), want)
    raise SystemExit(wrong > 0)


if __name__ == '__main__':
    main()
