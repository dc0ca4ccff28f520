#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Families of models as their files describe them: what is refused, and that the line names it."""
import json
import shutil
import struct
import sys

from cli_test import DATA, Tests

UNSUPPORTED = 2


class Folder:
    """A copy of a fixture whose config.json is changed."""

    def __init__(self, t, name):
        self.t, self.path = t, t.folder / name
        shutil.copytree(DATA / name, self.path)
        self.config = json.loads((self.path / 'config.json').read_text())

    def write(self, changes):
        config = {k: v for k, v in (self.config | changes).items() if v is not ...}
        (self.path / 'config.json').write_text(json.dumps(config))

    def refused(self, says, **changes):
        self.write(changes)
        self.t.fails(UNSUPPORTED, '--model', self.path, says=['config.json', says])

    def accepted(self, **changes):
        self.write(changes)
        return self.t.run('--model', self.path).stdout


def test_unknown(t):
    llama = Folder(t, 'tiny-tied-f32')
    llama.accepted(architectures=None, id2label={'0': 'no'}, temperature=0.6)
    llama.accepted(a_field_to_come=None)
    llama.refused('a_field_to_come', a_field_to_come=1)
    llama.refused('sliding_window', sliding_window=32) # transformers' Llama has none
    llama.refused('attn_logit_softcapping', attn_logit_softcapping=50.0)
    llama.refused('attention_bias', attention_bias=True)
    llama.refused('rope_interleaved', rope_interleaved=True)
    llama.refused('partial_rotary_factor', partial_rotary_factor=0.5)
    llama.refused('model_type: "mamba"', model_type='mamba')
    llama.refused('hidden_act: only "silu"', hidden_act='gelu')
    gemma = Folder(t, 'family-gemma2')
    gemma.refused('hidden_activation: only "gelu_pytorch_tanh"', hidden_activation='silu')
    gemma.refused('use_bidirectional_attention', use_bidirectional_attention=True)
    # Another family's tensors.
    gemma.write({'model_type': 'llama', 'hidden_activation': 'silu', 'layer_types': ...,
                 'sliding_window': ..., 'query_pre_attn_scalar': ...,
                 'attn_logit_softcapping': ..., 'final_logit_softcapping': ...})
    t.fails(UNSUPPORTED, '--model', gemma.path, says=['feedforward_layernorm', 'llama'])


def test_numbers(t):
    gemma = Folder(t, 'family-gemma3-linear')
    for name, value in (('query_pre_attn_scalar', -1), ('query_pre_attn_scalar', 0),
                        ('query_pre_attn_scalar', 'x'),
                        ('attn_logit_softcapping', -50.0), ('final_logit_softcapping', -1.0),
                        ('rope_local_base_freq', 0.5), ('rope_theta', 1.0), ('rms_norm_eps', None),
                        ('sliding_window', -1), ('sliding_window', 2.5),
                        ('sliding_window_pattern', 'x'), ('layer_types', ['full_attention']),
                        ('layer_types', ['full_attention', 'chunked_attention', 'x'])):
        gemma.refused(name, **{name: value})
    gemma.accepted(sliding_window=None, attn_logit_softcapping=None)
    phi = Folder(t, 'family-phi3')
    for part in (1.5, 0, 1e-9, 'x'): # of the third, no dimension would turn
        phi.refused('partial_rotary_factor',
                    rope_parameters=phi.config['rope_parameters'] | {'partial_rotary_factor': part})


def test_gguf(t):
    data = (DATA / 'family-gemma2.gguf').read_bytes()

    def refused(says, old, new):
        assert data.count(old) == 1 and len(old) == len(new), old
        path = t.write('changed.gguf', data.replace(old, new))
        t.fails(UNSUPPORTED, '--model', path, says=['changed.gguf', says])

    refused('gemma2.attn_logit_softcappin_', b'attn_logit_softcapping', b'attn_logit_softcappin_')
    refused('blk.1.post_ffw_norm.weight is missing', b'blk.1.post_ffw_norm.weight',
            b'blk.1.post_ffw_norm.weighs')
    cap = b'gemma2.attn_logit_softcapping' + struct.pack('<I', 6)
    refused('gemma2.attn_logit_softcapping: -4', cap + struct.pack('<f', 4.0),
            cap + struct.pack('<f', -4.0))
    t.write('changed.gguf', data.replace(b'gemma2', b'gemma9'))
    t.fails(UNSUPPORTED, '--model', 'changed.gguf', says='general.architecture: gemma9')


def test_described(t):
    for name, words in (('mistral', ('mistral', '2 of 64, 1 for')), ('qwen2', ('qwen2', '2 of 80')),
                        ('gemma3', ('gemma3', '2 of 20')), ('phi3.gguf', ('phi3', '2 of 96, 1'))):
        text = t.run('--model', DATA / f'family-{name}').stdout
        for word in words:
            t.check(word in text, f'{name}: {word!r} is not in {text}')
    # As many parameters fused as apart.
    parameters = [[line for line in t.run('--model', DATA / f'family-phi3{ending}').stdout
                   .splitlines() if line.startswith('parameters')] for ending in ('', '.gguf')]
    t.check(parameters[0] == parameters[1], f'{parameters}')
    shape = 2 * (32 * 96 * 4 + 96 * 2 * 32 + 3 * 32 * 48 + 2 * 32) + 2 * 98 * 32 + 32
    t.check(str(shape) in parameters[0][0].replace(' ', ''), f'{parameters[0]}, not {shape}')


def main():
    t = Tests(sys.argv[1])
    test_unknown(t)
    test_numbers(t)
    test_gguf(t)
    test_described(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
