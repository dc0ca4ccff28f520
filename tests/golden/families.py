#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a small model with random weights of every family, as a Hugging Face folder and as GGUF,
and what transformers' own code says about each in float64. Writes data/family-*; README.md lists
them.

Needs torch, transformers, gguf, safetensors.
"""
import contextlib
import copy
import json
import math
import random
import shutil

import gguf
import safetensors.torch
import torch
import transformers

import every
import reference
import rope as methods
from every import CONTEXT
from reference import DATA
from tiny import LENGTHS, TYPES, interleaved

METHODS = ['baseline', 'hybrid:cf=2', 'yarn:factor=4+hybrid:cf=2']
TORCH = {'f32': torch.float32, 'f16': torch.float16, 'bf16': torch.bfloat16}
# What taking a feature away must change tokens' NLL by on average, or its test would prove nothing.
LEAST = 0.02

# `config` is transformers'; `plain` takes one feature away each; `folder` and `gguf` are types of
# weights. `old`: the config.json is written as transformers 4 did. `gguf_config`: what GGUF files of
# the family cannot say otherwise. Windows are shorter than the texts.
FAMILIES = [
    {'name': 'mistral', 'arch': 'llama', 'folder': 'f32', 'gguf': 'f16', 'old': True,
     'config': {'vocab_size': 101, 'hidden_size': 32, 'intermediate_size': 56, 'head_dim': 64,
                'num_attention_heads': 2, 'num_key_value_heads': 1, 'sliding_window': 40,
                'rms_norm_eps': 1e-5},
     'plain': [{'sliding_window': None}]},
    {'name': 'qwen2', 'arch': 'qwen2', 'folder': 'bf16', 'gguf': 'f32',
     'config': {'vocab_size': 97, 'hidden_size': 36, 'intermediate_size': 60, 'head_dim': 80,
                'num_attention_heads': 2, 'num_key_value_heads': 1, 'tie_word_embeddings': True,
                'use_sliding_window': False, 'sliding_window': 30},
     'plain': []},
    {'name': 'qwen3', 'arch': 'qwen3', 'folder': 'f32', 'gguf': 'bf16', 'old': True,
     'config': {'vocab_size': 99, 'hidden_size': 24, 'intermediate_size': 44, 'head_dim': 128,
                'num_attention_heads': 2, 'num_key_value_heads': 1, 'use_sliding_window': True,
                'sliding_window': 45, 'max_window_layers': 1},
     'gguf_config': {'use_sliding_window': False},
     'plain': [{'use_sliding_window': False}, {'max_window_layers': 0}]},
    {'name': 'gemma2', 'arch': 'gemma2', 'folder': 'f32', 'gguf': 'f16',
     'config': {'vocab_size': 102, 'hidden_size': 16, 'intermediate_size': 40, 'head_dim': 256,
                'num_attention_heads': 2, 'num_key_value_heads': 1, 'sliding_window': 33,
                'query_pre_attn_scalar': 8, 'attn_logit_softcapping': 4.0,
                'final_logit_softcapping': 3.0},
     'gguf_config': {'query_pre_attn_scalar': 256},
     'plain': [{'sliding_window': 4096}, {'attn_logit_softcapping': None},
               {'final_logit_softcapping': None}, {'query_pre_attn_scalar': 256}]},
    {'name': 'gemma3', 'model_type': 'gemma3_text', 'arch': 'gemma3', 'folder': 'f16',
     'gguf': 'f32',
     'config': {'vocab_size': 103, 'hidden_size': 24, 'intermediate_size': 40, 'head_dim': 20,
                'num_hidden_layers': 6, 'num_attention_heads': 2, 'num_key_value_heads': 1,
                'sliding_window': 37, 'query_pre_attn_scalar': 20},
     'plain': [{'sliding_window': 4096}, {'query_pre_attn_scalar': 80}, {'theta': [1e6, 1e6]},
               {'theta': [1e4, 1e4]}]},
    {'name': 'gemma3-linear', 'model_type': 'gemma3_text', 'arch': 'gemma3', 'folder': 'f32',
     'old': True,
     'config': {'vocab_size': 103, 'hidden_size': 24, 'intermediate_size': 40, 'head_dim': 20,
                'num_hidden_layers': 3, 'num_attention_heads': 2, 'num_key_value_heads': 1,
                'sliding_window': 37, 'sliding_window_pattern': 2, 'query_pre_attn_scalar': 24,
                'factor': 8.0},
     'plain': [{'sliding_window': 4096}, {'factor': 1.0}]},
    {'name': 'phi3', 'arch': 'phi3', 'folder': 'bf16', 'gguf': 'f32',
     'config': {'vocab_size': 98, 'hidden_size': 32, 'intermediate_size': 48, 'head_dim': 96,
                'num_attention_heads': 2, 'num_key_value_heads': 1, 'sliding_window': 50,
                'partial_rotary_factor': 0.5, 'pad_token_id': 0},
     'plain': [{'sliding_window': None}, {'partial_rotary_factor': 1.0}]},
]


# The same once more with sizes that tiles of cooperative matrices divide, as real models have them,
# in halves.
ALIGNED = {'hidden_size': 64, 'intermediate_size': 64, 'head_dim': 64, 'num_attention_heads': 2,
           'num_key_value_heads': 1, 'num_hidden_layers': 2}


def aligned(family):
    config = family['config'] | ALIGNED
    if 'query_pre_attn_scalar' in config:
        config['query_pre_attn_scalar'] = 64
    if 'partial_rotary_factor' in config:
        config['partial_rotary_factor'] = 0.75
    if family['arch'] == 'gemma3':
        config['sliding_window_pattern'] = 2
    half = 'bf16' if family['gguf'] == 'f32' else family['gguf']
    gguf_config = {name: value for name, value in family.get('gguf_config', {}).items()
                   if name != 'query_pre_attn_scalar'}
    return family | {'config': config, 'gguf': half, 'gguf_config': gguf_config, 'plain': []}


def make_config(family, **changes):
    numbers = {'num_hidden_layers': 2, 'max_position_embeddings': CONTEXT, 'rms_norm_eps': 1e-6,
               'bos_token_id': None, 'eos_token_id': None, **family['config'], **changes}
    rope = {'rope_type': 'default', 'rope_theta': 10000.0}
    if 'partial_rotary_factor' in numbers:
        rope['partial_rotary_factor'] = numbers.pop('partial_rotary_factor')
    if family['name'].startswith('gemma3'):
        full, local = numbers.pop('theta', [1e6, 1e4])
        rope = {'full_attention': {'rope_type': 'default', 'rope_theta': full},
                'sliding_attention': {'rope_type': 'default', 'rope_theta': local}}
        if 'factor' in numbers:
            rope['full_attention'] |= {'rope_type': 'linear', 'factor': numbers.pop('factor')}
    return transformers.AutoConfig.for_model(family.get('model_type', family['name']),
                                             rope_parameters=rope, **numbers)


def make_weights(family):
    model = transformers.AutoModelForCausalLM.from_config(make_config(family))
    generator = torch.Generator().manual_seed(sum(map(ord, family['name'])))
    offset = 0.0 if family['arch'].startswith('gemma') else 1.0
    weights = {}
    for name, value in model.state_dict().items():
        if name == 'lm_head.weight' and model.config.tie_word_embeddings:
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith('norm.weight'):
            weights[name] = offset + 0.2 * noise
        elif name.endswith('.bias'):
            weights[name] = noise
        else:
            sharp = 1.6 if 'q_proj' in name or 'k_proj' in name or 'qkv_proj' in name else 1.0
            weights[name] = sharp * noise / math.sqrt(value.shape[-1])
    return weights


def rounded(weights, dtype):
    """As a GGUF has them: vectors in full."""
    return {name: value if value.dim() == 1 else value.to(TORCH[dtype]).float()
            for name, value in weights.items()}


@contextlib.contextmanager
def nothing_narrows():
    """Transformers' code computes norms and softmax in float32 whatever the model's type."""
    to, single, softmax = torch.Tensor.to, torch.Tensor.float, torch.nn.functional.softmax
    torch.Tensor.float = lambda self: self
    torch.Tensor.to = lambda self, *args, **kwargs: (
        self if self.dtype == torch.float64 and args[:1] == (torch.float32,)
        else to(self, *args, **kwargs))
    torch.nn.functional.softmax = lambda x, dim, dtype=None: softmax(x, dim=dim)
    try:
        yield
    finally:
        torch.Tensor.to, torch.Tensor.float = to, single
        torch.nn.functional.softmax = softmax


def main_rope(config):
    """Of the layers without a rope of their own."""
    return config.rope_parameters.get('full_attention', config.rope_parameters)


def own_scaling(config):
    """As methods.turns takes it."""
    own = main_rope(config)
    return None if own['rope_type'] == 'default' else (own, CONTEXT)


def head_dim(config):
    return getattr(config, 'head_dim', None) or config.hidden_size // config.num_attention_heads


def rotary_dims(config):
    return int(head_dim(config) * main_rope(config).get('partial_rotary_factor', 1.0))


class Rotary(torch.nn.Module):
    """In place of transformers' own, which computes in float32. Masks come from the positions that
    transformers counts itself; only the angles know of others."""

    def __init__(self, config, method, n):
        super().__init__()
        parameters = config.rope_parameters
        self.turning = {}
        for kind, own in parameters.items() if 'full_attention' in parameters else [
                (None, parameters)]:
            # A method's frequencies are for layers without a rope of their own.
            spec = 'plain' if kind == 'sliding_attention' else method
            turns, scale = methods.turns(spec, own['rope_theta'], rotary_dims(config), CONTEXT,
                                         n, own=own_scaling(config))
            turn = torch.outer(methods.place(method, CONTEXT, n), turns)
            turn = torch.cat([turn, turn], 1)[None]
            self.turning[kind] = turn.cos() * scale, turn.sin() * scale

    def forward(self, x, position_ids=None, layer_type=None):
        return self.turning[layer_type]


@torch.no_grad()
def logits_of(config, weights, ids, method):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation='eager')
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {'lm_head.weight'}, (missing, unexpected)
    model.tie_weights()
    model = model.double().eval()
    model.model.rotary_emb = Rotary(config, method, len(ids))
    with nothing_narrows():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    assert logits.dtype == torch.float64
    return logits


def nll_of(config, weights, ids, method):
    return reference.nll_of(logits_of(config, weights, ids, method), torch.tensor(ids))


def judge(family, name, config, weights, ids, every_method=True):
    def nll(method, part):
        return nll_of(config, weights, part, method)

    own = own_scaling(config)
    ppl = reference.table(nll, ids, METHODS, LENGTHS, own)
    result = {'model': name, 'original_max_len': CONTEXT, 'lengths': LENGTHS, 'ppl': ppl,
              'nll': {'hybrid:cf=2': reference.nll_list(nll('hybrid:cf=2', ids))}}
    reference.write(result, DATA / f'{name}.expected.json')
    print(name, {method: values[-1] for method, values in ppl.items()}, flush=True)
    if every_method:
        every.judge(name, nll, ids, rotary_dims(config) // 2, own)
    baseline = nll('baseline', ids)
    for changes in family['plain']:
        without = nll_of(make_config(family, **changes), weights, ids, 'baseline')
        moved = (without - baseline).abs().mean().item()
        print(f'  {changes}: {moved:.3f}')
        assert moved > LEAST, f'{name}: {changes} changes the NLL by {moved}'


def old_style(config):
    """As transformers 4 wrote it."""
    rope = config.pop('rope_parameters')
    local = rope.get('sliding_attention')
    rope = rope.get('full_attention', rope)
    config['rope_theta'] = rope.pop('rope_theta')
    config['rope_scaling'] = None if rope['rope_type'] == 'default' else rope
    if local:
        config['rope_local_base_freq'] = local['rope_theta']
    if '_sliding_window_pattern' in config:
        config['sliding_window_pattern'] = config.pop('_sliding_window_pattern')
    config.pop('layer_types', None)
    config['torch_dtype'] = config.pop('dtype')
    return config


def write_folder(family, config, weights, path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    dtype = TORCH[family['folder']]
    spec = json.loads(config.to_json_string(use_diff=True))
    spec |= {'architectures': [transformers.AutoModelForCausalLM.from_config(config).__class__
                               .__name__], 'dtype': family['folder'].replace('f', 'float')}
    if 'sliding_window' in family['config']:
        spec['sliding_window'] = family['config']['sliding_window'] # null by now where not in use
    if family.get('old'):
        spec = old_style(spec)
    (path / 'config.json').write_text(json.dumps(spec, indent=1) + '\n')
    safetensors.torch.save_file({name: value.to(dtype) for name, value in weights.items()},
                                path / 'model.safetensors', metadata={'format': 'pt'})


def write_numbers(writer, config):
    head = head_dim(config)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(main_rope(config)['rope_theta'])
    writer.add_rope_dimension_count(rotary_dims(config))
    if getattr(config, 'sliding_window', None):
        writer.add_sliding_window(config.sliding_window)
    if getattr(config, 'attn_logit_softcapping', None):
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    if getattr(config, 'final_logit_softcapping', None):
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def write_gguf(family, config, weights, path):
    writer = gguf.GGUFWriter(path, family['arch'])
    writer.add_name('family-' + family['name'])
    write_numbers(writer, config)
    if 'sliding_window_pattern' in family['config']:
        writer.add_sliding_window_pattern(family['config']['sliding_window_pattern'])
    arch = next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == family['arch'])
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for name, value in weights.items():
        heads = {'q_proj': config.num_attention_heads, 'k_proj': config.num_key_value_heads}
        if family['arch'] == 'llama' and name.split('.')[-2] in heads:
            value = interleaved(value, heads[name.split('.')[-2]])
        if family['arch'].startswith('gemma') and name.endswith('norm.weight'):
            value = value + 1
        kind = TYPES['f32'] if value.dim() == 1 else TYPES[family['gguf']]
        data = gguf.quants.quantize(value.contiguous().numpy(), kind)
        writer.add_tensor(names.get_name(name, try_suffixes=('.weight', '.bias')), data,
                          raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_gguf(family, stem, weights, ids, every_method=True):
    config = make_config(family, **family.get('gguf_config', {}))
    path = DATA / f'{stem}.gguf'
    write_gguf(family, config, weights, path)
    judge(family | {'plain': []}, path.name, config, rounded(weights, family['gguf']), ids,
          every_method)


def main():
    for family in FAMILIES:
        stem = f'family-{family["name"]}'
        config, weights = make_config(family), make_weights(family)
        rng = random.Random(family['name'])
        ids = [rng.randrange(config.vocab_size) for _ in range(max(LENGTHS))]
        (DATA / f'{stem}.ids').write_text(' '.join(map(str, ids)) + '\n')
        write_folder(family, config, weights, DATA / stem)
        stored = {name: value.to(TORCH[family['folder']]).float()
                  for name, value in weights.items()}
        judge(family, stem, config, stored, ids)
        if 'gguf' not in family:
            continue
        make_gguf(family, stem, weights, ids)
        wide = aligned(family)
        make_gguf(wide, f'{stem}-aligned', make_weights(wide), ids, every_method=False)


if __name__ == '__main__':
    main()
