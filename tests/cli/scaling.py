#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model's own rope scaling, as vkhrope-info names it; and what is refused. Needs no device."""
import re
import sys

from cli_test import DATA, Tests
from gguf_edit import edit
from made_model import make

LISTS = {'short_factor': [1.0] * 8, 'long_factor': [2.0] * 8}
ORIGINAL = {'original_max_position_embeddings': 16}


def shown(t, path):
    text = t.run('--model', path).stdout
    return re.search(r'^own scaling +(.*)$', text, re.M)[1], int(
        re.search(r'^trained at +(\d+)', text, re.M)[1])


def test_json(t):
    """What a config.json says; its context length is 32."""
    for number, (config, own, trained) in enumerate((
            ({}, 'none', 32),
            ({'rope_scaling': None}, 'none', 32),
            ({'rope_parameters': {'rope_type': 'default', 'rope_theta': 5.0}}, 'none', 32),
            ({'rope_scaling': {'type': 'linear', 'factor': 4.0}}, 'linear:factor=4', 32),
            ({'rope_scaling': {'type': 'dynamic', 'factor': 2}},
             'dynamic-ntk:factor=2,original=32', 32),
            ({'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0, **ORIGINAL}},
             'yarn:factor=4,original=16', 16),
            ({'rope_scaling': {'type': 'yarn', 'factor': None, 'finetuned': True, **ORIGINAL}},
             'yarn:factor=2,original=16', 16),
            ({'rope_scaling': {'type': 'yarn', 'factor': 4.0, 'mscale': 0.7, 'truncate': False,
                               'beta_fast': 16}},
             'yarn:factor=4,beta_fast=16,truncate=0,original=32', 32),
            ({'rope_scaling': {'type': 'yarn', 'factor': 4.0, 'mscale': 0.5, 'mscale_all_dim': 1,
                               'attention_factor': 1.5}},
             'yarn:factor=4,mscale=0.5,mscale_all_dim=1,attention_factor=1.5,original=32', 32),
            ({'rope_scaling': {'type': 'su', **LISTS, **ORIGINAL}},
             'longrope:factor=2,original=16', 16),
            ({'rope_parameters': {'rope_type': 'longrope', 'attention_factor': 1.25, **LISTS,
                                  **ORIGINAL}},
             'longrope:factor=2,attention_factor=1.25,original=16', 16),
            ({'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,
                               'high_freq_factor': 4.0, **ORIGINAL}},
             'llama3:factor=8,low_freq_factor=1,high_freq_factor=4,original=16', 16),
            ({'rope_parameters': {'rope_type': 'proportional', 'partial_rotary_factor': 0.25}},
             'proportional:proportion=0.25', 32))):
        got = shown(t, make(t.folder / f'good{number}', **config))
        t.check(got == (own, trained), f'{config}: {got}')


def test_json_refused(t):
    llama3 = {'rope_type': 'llama3', 'factor': 8, 'low_freq_factor': 1, 'high_freq_factor': 4}
    for number, (rope, says) in enumerate((
            ([1], 'rope_scaling is not an object'),
            ({'type': 'magic'}, 'rope_scaling.rope_type: "magic"'),
            ({'type': 7}, 'rope_scaling.rope_type'),
            ({'type': 'linear'}, 'rope_scaling.factor is not there'),
            ({'type': 'linear', 'factor': '4'}, 'rope_scaling.factor is not a number'),
            ({'type': 'linear', 'factor': True}, 'rope_scaling.factor is not a number'),
            ({'type': 'yarn', 'factor': 2, 'truncate': 0}, 'rope_scaling.truncate is not a boolean'),
            ({'type': 'linear', 'factor': 0.5}, 'rope_scaling.factor is not a number of at least 1'),
            ({'type': 'linear', 'factor': -1}, 'rope_scaling.factor is not a positive number'),
            ({'type': 'linear', 'factor': 2, 'alpha': 3}, 'rope_scaling.alpha: an unknown field'),
            ({'type': 'yarn', 'factor': 2, 'original_max_position_embeddings': 0},
             'rope_scaling.original_max_position_embeddings'),
            ({'type': 'longrope', 'factor': 2, 'short_factor': [1.0] * 8},
             'rope_scaling.long_factor is not a list of 8 numbers'),
            ({'type': 'longrope', 'factor': 2, **LISTS, 'long_factor': [1.0] * 7 + [0]},
             'rope_scaling.long_factor'),
            ({'type': 'yarn', 'factor': 2, 'beta_fast': 1, 'beta_slow': 32},
             'rope_scaling.beta_fast: 1 is below beta_slow, 32'),
            ({'type': 'yarn', 'factor': 2, 'beta_slow': 33},
             'rope_scaling.beta_fast: 32 is below beta_slow, 33'),
            ({'type': 'yarn', 'factor': 2, 'beta_fast': 0},
             'rope_scaling.beta_fast is not a positive'),
            ({'type': 'proportional', 'partial_rotary_factor': 1.5},
             'rope_scaling.partial_rotary_factor is not a number of at most 1'),
            ({**llama3, 'high_freq_factor': 1}, 'rope_scaling.high_freq_factor'),
            ({**llama3, 'high_freq_factor': None}, 'rope_scaling.high_freq_factor is not there'))):
        folder = make(t.folder / f'bad{number}', rope_scaling=rope)
        t.fails(2, '--model', folder, says=('config.json', says))


def test_gguf(t):
    data = (DATA / 'tiny-tied-f32.gguf').read_bytes()  # trained at 64, 8 frequencies
    ones = [1.0] * 8

    def keys(**values):
        return {f'llama.rope.scaling.{key}': value for key, value in values.items()}

    for number, (added, tensors, own) in enumerate((
            ({}, {}, 'none'),
            (keys(type='none', factor=4.0), {}, 'none'),
            (keys(type='linear', factor=4.0), {}, 'linear:factor=4'),
            (keys(factor=1.0), {}, 'none'),
            ({'llama.rope.scale_linear': 2.0}, {}, 'linear:factor=2'),
            (keys(type='yarn', factor=4.0, original_context_length=48, finetuned=1), {},
             'yarn:factor=4,beta_fast=32,beta_slow=1,original=48'),
            (keys(type='yarn', factor=4.0, yarn_beta_fast=8.0, yarn_ext_factor=-1.0), {},
             'yarn:factor=4,beta_fast=8,beta_slow=1,original=64'),
            (keys(type='longrope', attn_factor=1.25, original_context_length=48),
             {'rope_factors_short.weight': ones, 'rope_factors_long.weight': ones},
             'longrope:attention_factor=1.25,original=48'),
            (keys(attn_factor=1.25), {'rope_factors_short.weight': ones,
                                      'rope_factors_long.weight': ones},
             'longrope:attention_factor=1.25,original=64'),
            ({}, {'rope_freqs.weight': ones}, 'rope-freqs'),
            (keys(type='linear', factor=2.0), {'rope_freqs.weight': ones},
             'rope-freqs+linear:factor=2'))):
        got = shown(t, t.write(f'{number}.gguf', edit(data, added, tensors)))[0]
        t.check(got == own, f'{added}: {got!r}')
    for number, (added, tensors, says) in enumerate((
            (keys(type='magic'), {}, 'llama.rope.scaling.type: magic'),
            (keys(type=4), {}, 'llama.rope.scaling.type'),
            (keys(type='linear', factor=0.5), {}, 'llama.rope.scaling.factor: 0.5 is below 1'),
            (keys(type='linear', factor=-1.0), {}, 'llama.rope.scaling.factor'),
            (keys(type='linear', factor='4'), {}, 'llama.rope.scaling.factor'),
            (keys(type='linear', factor=2.0, attn_factor=2.0), {}, 'scaling.attn_factor: 2'),
            (keys(type='yarn', factor=2.0, yarn_log_multiplier=0.5), {}, 'yarn_log_multiplier'),
            (keys(type='yarn', factor=2.0, yarn_ext_factor=0.5), {}, 'yarn_ext_factor'),
            (keys(type='yarn', factor=2.0, alpha=0.5), {}, 'scaling.alpha: an unknown field'),
            (keys(type='yarn', factor=2.0, yarn_beta_fast=0.0), {},
             'scaling.yarn_beta_fast: 0 is not above 0'),
            (keys(type='yarn', factor=2.0, yarn_beta_slow=0.0), {},
             'scaling.yarn_beta_slow: 0 is not above 0'),
            (keys(type='yarn', factor=2.0, yarn_beta_fast=0.5), {},
             'scaling.yarn_beta_fast: 0.5 is below yarn_beta_slow, 1'),
            (keys(type='yarn', factor=2.0, yarn_attn_factor=0.0), {},
             'scaling.yarn_attn_factor: 0 is not above 0'),
            (keys(type='yarn', factor=2.0, attn_factor=1e30, yarn_attn_factor=1e30), {},
             'scaling.yarn_attn_factor: 1e+30 times attn_factor, 1e+30'),
            (keys(type='longrope', attn_factor=0.0),
             {'rope_factors_short.weight': ones, 'rope_factors_long.weight': ones},
             'scaling.attn_factor: 0 is not above 0'),
            ({}, {'rope_freqs.weight': ones[:7]}, 'rope_freqs.weight'),
            ({}, {'rope_factors_long.weight': [0.0] * 8}, 'rope_factors_long.weight'))):
        path = t.write(f'bad{number}.gguf', edit(data, added, tensors))
        t.fails(2, '--model', path, says=(path.name, says))


def main():
    tests = Tests(sys.argv[1])
    test_json(tests)
    test_json_refused(tests)
    test_gguf(tests)
    return tests.result()


if __name__ == '__main__':
    sys.exit(main())
