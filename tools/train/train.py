#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains the demo model on one GPU and saves it as a Hugging Face folder (F32)."""
import argparse
import math
import pathlib
import shutil
import time

import numpy
import torch
from transformers import LlamaConfig, LlamaForCausalLM

CONTEXT = 512


def make_model(vocab):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, hidden_size=256, intermediate_size=704, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, head_dim=64,
        max_position_embeddings=CONTEXT, rms_norm_eps=1e-5, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0, use_cache=False,
        rope_parameters={'rope_type': 'default', 'rope_theta': 10000.0}))


def loss_of(model, windows):
    logits = model(input_ids=windows).logits[:, :-1].float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def decayed(model, weight_decay):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    return [{'params': matrices, 'weight_decay': weight_decay},
            {'params': norms, 'weight_decay': 0.0}]


def learning_rate(step, args):
    warm = min(1.0, (step + 1) / args.warmup)
    return args.lr * warm * 0.5 * (1 + math.cos(math.pi * step / args.steps))


def train(model, ids, args, device):
    optimizer = torch.optim.AdamW(decayed(model, args.weight_decay), lr=args.lr, betas=(0.9, 0.95),
                                  fused=device == 'cuda')
    run = torch.compile(model) if args.compile else model
    offsets = torch.arange(CONTEXT, device=device)
    begin = time.time()
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group['lr'] = learning_rate(step, args)
        starts = torch.randint(len(ids) - CONTEXT + 1, (args.batch, 1), device=device)
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(run, ids[starts + offsets].long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % args.report == 0:
            value, seconds = loss.item(), time.time() - begin
            rate = args.report * args.batch * CONTEXT / seconds
            print(f'step {step + 1}: loss {value:.4f}, {rate / 1e3:.0f}k tokens/s', flush=True)
            begin = time.time()


@torch.no_grad()
def validate(model, ids):
    """PPL over disjoint windows in F32, each scored from its second token."""
    windows = ids[:len(ids) // CONTEXT * CONTEXT].view(-1, CONTEXT).long()
    losses = [loss_of(model, part).item() * len(part) for part in windows.split(32)]
    return math.exp(sum(losses) / len(windows))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('--data', type=pathlib.Path, required=True, help='what prepare.py wrote')
    args.add_argument('--out', type=pathlib.Path, required=True)
    args.add_argument('--steps', type=int, default=8200)
    args.add_argument('--batch', type=int, default=256)
    args.add_argument('--lr', type=float, default=3e-3)
    args.add_argument('--warmup', type=int, default=200)
    args.add_argument('--weight-decay', type=float, default=0.1)
    args.add_argument('--report', type=int, default=100)
    args.add_argument('--seed', type=int, default=1)
    args.add_argument('--compile', action='store_true')
    args = args.parse_args()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.manual_seed(args.seed)
    data = numpy.load(args.data / 'ids.npz')
    ids = {name: torch.from_numpy(data[name].astype(numpy.int16)).to(device) for name in data.files}
    model = make_model(4096).to(device)
    print(f'{sum(p.numel() for p in model.parameters())} parameters, {len(ids["train"])} tokens')
    train(model, ids['train'], args, device)
    print(f'validation PPL {validate(model, ids["validation"]):.3f}')
    model.save_pretrained(args.out, max_shard_size='12MB')
    shutil.copy(args.data / 'tokenizer.json', args.out)


if __name__ == '__main__':
    main()
