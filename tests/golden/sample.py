#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes token ids that a model itself makes (temperature 1), so that a fixture of any length
holds nobody's text. The model sees the last --window ids only, so it stays within its context.
"""
import argparse
import pathlib

import torch
import transformers


@torch.no_grad()
def continue_by(model, ids, count, generator):
    """`ids` and `count` more, each drawn given all before."""
    cache, step = None, ids
    for _ in range(count):
        out = model(input_ids=step[None], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        chance = out.logits[0, -1].double().softmax(0)
        step = torch.multinomial(chance, 1, generator=generator)
        ids = torch.cat([ids, step])
    return ids


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('model', type=pathlib.Path, help='GGUF file')
    args.add_argument('out', type=pathlib.Path)
    args.add_argument('--count', type=int, default=3072)
    args.add_argument('--window', type=int, default=384)
    args.add_argument('--keep', type=int, default=256, help='ids carried into the next window')
    args.add_argument('--seed', type=int, default=1)
    args = args.parse_args()
    model = transformers.LlamaForCausalLM.from_pretrained(
        args.model.parent, gguf_file=args.model.name, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(args.seed)
    ids = torch.tensor([model.config.bos_token_id])
    while len(ids) < args.count:
        tail = ids[-args.keep:]
        ids = torch.cat([ids[:-len(tail)],
                         continue_by(model, tail, args.window - len(tail), generator)])
    args.out.write_text(' '.join(map(str, ids[:args.count].tolist())) + '\n')


if __name__ == '__main__':
    main()
