# SPDX-License-Identifier: MIT
"""Every method at five lengths, below, at and beyond the length that a model was trained at: what
tiny.py and families.py ask of their models. Writes data/NAME.methods.json and data/longrope-N.json;
README.md describes them.
"""
import itertools
import json

import reference
import rope

CONTEXT = 64
LENGTHS = [48, CONTEXT, CONTEXT + 1, 96, 128]
# `plain` is the baseline where a model has no scaling of its own.
METHODS = [
    'baseline', 'plain', 'hybrid:cf=1.5', 'hybrid:cf=2', 'hybrid:cf=0.8', 'grouped:group=4',
    'grouped:group=3,window=80', 'linear:factor=4', 'ntk:factor=8', 'dynamic-ntk:factor=2',
    'yarn:factor=4', 'yarn:factor=4,beta_fast=2,beta_slow=0.1',
    'yarn:factor=8,beta_fast=2,truncate=0', 'yarn:factor=4,mscale=0.7,mscale_all_dim=1.5',
    'yarn:factor=4,attention_factor=1.4', 'yarn:factor=4,original=300',
    'longrope:factor=4,file={lists}', 'longrope:attention_factor=1.3,original=80,file={lists}',
    'llama3:factor=8',
    'llama3:factor=8,low_freq_factor=2,high_freq_factor=8,original=48',
    'proportional:proportion=0.5,factor=2', 'yarn:factor=4+hybrid:cf=2',
    'yarn:factor=4+grouped:group=4', 'dynamic-ntk:factor=2+hybrid:cf=1.5',
    'longrope:factor=4,file={lists}+hybrid:cf=2', 'ntk:factor=2+linear:factor=1.5']
# What a method must differ from every other by in the mean of the tokens' NLL.
LEAST = 0.005


def write_lists(n):
    """LongRoPE's lists for n frequencies; gives the file's name."""
    path = reference.DATA / f'longrope-{n}.json'
    short, long = rope.lists_of(n)
    path.write_text(json.dumps({'short_factor': short, 'long_factor': long}) + '\n')
    return path.name


def judge(name, nll, ids, pairs, own=None):
    """`nll` and `own` as reference.table takes them, `pairs`: a head's frequencies."""
    methods = [method.format(lists=write_lists(pairs)) for method in METHODS]
    longest = {}

    def kept(method, part):
        longest[method] = nll(method, part)
        return longest[method]

    ppl = reference.table(kept, ids, methods, LENGTHS, own)
    apart, *pair = min(((longest[a] - longest[b]).abs().mean().item(), a, b)
                       for a, b in itertools.combinations(methods, 2) if 'plain' not in (a, b))
    print(f'{name}: {len(methods)} methods, the two nearest {apart:.3f} apart', *pair, flush=True)
    assert apart > LEAST, f'{name}: {pair} are {apart} apart'
    reference.write({'model': name, 'original_max_len': CONTEXT, 'lengths': LENGTHS, 'ppl': ppl},
                    reference.DATA / f'{name}.methods.json')
