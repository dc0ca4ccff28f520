#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains the demo model's tokenizer on corpus.txt and encodes it: tokenizer.json and ids.npz."""
import argparse
import hashlib
import pathlib

import numpy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = '<|endoftext|>'


def train_tokenizer(documents, vocab):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=[END], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def is_validation(document):
    return hashlib.sha256(document.encode()).digest()[0] < 3  # about 1 %


def encode(tokenizer, documents):
    """Every document behind an end-of-text token, in one array."""
    end, parts = tokenizer.token_to_id(END), []
    for start in range(0, len(documents), 256):
        for encoding in tokenizer.encode_batch(documents[start:start + 256]):
            parts.append(numpy.array([end] + encoding.ids, dtype=numpy.uint16))
    return numpy.concatenate(parts)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('--corpus', type=pathlib.Path, required=True)
    args.add_argument('--out', type=pathlib.Path, required=True)
    args.add_argument('--vocab', type=int, default=4096)
    args = args.parse_args()
    documents = [d.strip('\n') for d in args.corpus.read_text(encoding='utf-8').split('\f')]
    documents = [d + '\n' for d in documents if d]
    tokenizer = train_tokenizer((d[:100000] for d in documents), args.vocab)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out / 'tokenizer.json'))
    train = encode(tokenizer, [d for d in documents if not is_validation(d)])
    validation = encode(tokenizer, [d for d in documents if is_validation(d)])
    numpy.savez_compressed(args.out / 'ids.npz', train=train, validation=validation)
    print(f'{len(train)} tokens to train on, {len(validation)} to validate')


if __name__ == '__main__':
    main()
