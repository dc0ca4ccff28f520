#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Inverse frequencies and attention scales of every method by transformers' own functions, which
are made to compute in float64, and positions by the formulas of docs/methods.md. Writes
data/rope.json; README.md gives its format.

Also what the references take methods from: `turns`, `place` and `varies`.
"""
import contextlib
import json
import math
import pathlib

import torch
import transformers
from transformers import modeling_rope_utils

DATA = pathlib.Path(__file__).parent / 'data'


class Float64Torch:
    """torch, but what asks for its float32 gets float64."""
    float = float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


@contextlib.contextmanager
def in_float64():
    """Transformers' rope functions ask for float32 by name and by method."""
    single = torch.Tensor.float
    modeling_rope_utils.torch, torch.Tensor.float = Float64Torch(), torch.Tensor.double
    try:
        yield
    finally:
        modeling_rope_utils.torch, torch.Tensor.float = torch, single


# A method's terms, keys and defaults as transformers calls them.
KEYS = {'original': 'original_max_position_embeddings', 'proportion': 'partial_rotary_factor'}
TYPES = {'linear': 'linear', 'dynamic-ntk': 'dynamic', 'yarn': 'yarn', 'longrope': 'longrope',
         'llama3': 'llama3', 'proportional': 'proportional'}
USUAL = {'llama3': {'low_freq_factor': 1.0, 'high_freq_factor': 4.0}}


def terms(spec):
    for term in spec.split('+'):
        name, _, rest = term.partition(':')
        yield name, {k: v if k == 'file' else float(v)
                     for k, v in (p.split('=') for p in rest.split(',') if p)}


def compute(rope, base, dims, context, length):
    """Inverse frequencies and scale by transformers, from its own kind of parameters."""
    config = transformers.LlamaConfig(hidden_size=dims * 2, num_attention_heads=2, head_dim=dims,
                                      max_position_embeddings=context)
    config.rope_parameters = {'rope_theta': base, **rope}
    with in_float64():
        turns, scale = modeling_rope_utils.ROPE_INIT_FUNCTIONS[rope['rope_type']](
            config, 'cpu', seq_len=length)
    assert turns.dtype == torch.float64
    return turns, scale


def parameters(name, values, original, lists):
    """A term as transformers' parameters, and the context length that goes with them."""
    given = {KEYS.get(key, key): value for key, value in values.items() if key != 'file'}
    if 'truncate' in given:
        given['truncate'] = bool(given['truncate'])
    original = int(values.get('original', original))
    rope = {'rope_type': TYPES[name], **USUAL.get(name, {}), **given,
            'original_max_position_embeddings': original}
    if 'file' in values:
        rope |= json.loads((DATA / values['file']).read_text())
    elif name == 'longrope':
        rope |= {'short_factor': lists[0], 'long_factor': lists[1]}
    return rope, original


def turns(spec, base, dims, original, length, lists=None, own=None):
    """float64 inverse frequencies and scale. Schedules after the first multiply what is there by
    what they would make of plain frequencies. `own` is the model's: its parameters and context."""
    plain = base ** (-torch.arange(0, dims, 2, dtype=torch.float64) / dims)
    result, scale = plain.clone(), 1.0
    if not any(name in TYPES or name in ('plain', 'ntk') for name, _ in terms(spec)):
        spec = 'own+' + spec
    for name, values in terms(spec):
        if name == 'own' and own:
            made = compute(own[0], base, dims, own[1], length)
        elif name == 'ntk':  # the dynamic one, at the length where its growth is the factor
            rope, context = parameters('dynamic-ntk', {'factor': 1.0}, original, lists)
            made = compute(rope, base, dims, context, values['factor'] * original)
        elif name in TYPES:
            rope, context = parameters(name, values, original, lists)
            made = compute(rope, base, dims, context, length)
        else:
            continue
        result, scale = result * (made[0] / plain), scale * made[1]
    return result, scale


def varies(spec, own=None):
    """Whether `turns` depends on the length."""
    return any(name in ('dynamic-ntk', 'longrope') for name, _ in terms(spec)) or bool(
        own and own[0]['rope_type'] in ('dynamic', 'longrope'))


def place(spec, original, n):
    """float64 positions of tokens 0 to n - 1."""
    result = [float(p) for p in range(n)]
    for name, values in terms(spec):
        if name == 'hybrid':
            result = [p if p <= original else original + (p - original) / values['cf']
                      for p in result]
        elif name == 'grouped':
            window = values.get('window', original)
            result = [p if p <= window else window + math.floor((p - window) / values['group'])
                      for p in result]
    return torch.tensor(result, dtype=torch.float64)


def lists_of(n):
    """LongRoPE's for n frequencies, made up: the short one and the long one."""
    return [1 + i / 64 for i in range(n)], [1 + i / 4 for i in range(n)]


SPECS = [
    'baseline', 'plain', 'hybrid:cf=1.5', 'hybrid:cf=0.8', 'hybrid:cf=3.7', 'grouped:group=4',
    'grouped:group=3,window=100', 'linear:factor=4', 'linear:factor=2.5', 'ntk:factor=4',
    'ntk:factor=1.7', 'dynamic-ntk:factor=2', 'dynamic-ntk:factor=1',
    'dynamic-ntk:factor=2,original=50', 'yarn:factor=4',
    'yarn:factor=16,beta_fast=20,beta_slow=2', 'yarn:factor=4,truncate=0',
    'yarn:factor=8,mscale=0.707,mscale_all_dim=1', 'yarn:factor=4,attention_factor=1.25',
    'yarn:factor=4,beta_fast=1,beta_slow=1', 'yarn:factor=40,original=100',
    'longrope:factor=4', 'longrope:factor=32,original=100',
    'longrope:attention_factor=1.19', 'llama3:factor=8',
    'llama3:factor=32,low_freq_factor=0.5,high_freq_factor=8,original=200',
    'proportional:proportion=0.25', 'proportional:proportion=0.7,factor=8',
    'yarn:factor=4+hybrid:cf=2', 'hybrid:cf=1.5+dynamic-ntk:factor=2', 'linear:factor=2+ntk:factor=2',
]
SHAPES = [(10000.0, 16, 64), (500000.0, 64, 8192), (1000000.0, 40, 300)]


def main():
    cases = []
    for base, dims, original in SHAPES:
        lists = lists_of(dims // 2)
        for spec in SPECS:
            for length in (original, original + 1, 5 * original)[0 if varies(spec) else 2:]:
                inverse, scale = turns(spec, base, dims, original, length, lists)
                where = sorted({0, 1, 99, 100, 101, 104, original - 1, original, original + 1,
                                original + 5, length - 1})
                placed = place(spec, original, max(where) + 1)
                cases.append({'spec': spec, 'base': base, 'dims': dims, 'original': original,
                              'length': length, 'scale': scale, 'frequencies': inverse.tolist(),
                              'tokens': where, 'positions': [placed[p].item() for p in where]})
    text = json.dumps({'cases': cases}, separators=(',', ':')).replace('{"spec"', '\n{"spec"')
    (DATA / 'rope.json').write_text(text + '\n')
    print(len(cases), 'cases,', len(text), 'bytes')


if __name__ == '__main__':
    main()
