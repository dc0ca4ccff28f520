#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes small models with random weights in every file format and weight type, and what
reference.py says about each. Writes data/tiny-*; README.md lists them.
"""
import json
import random
import shutil

import gguf
import safetensors.torch
import torch

import every
import reference
from every import CONTEXT
from reference import DATA

LENGTHS = [64, 65, 100, 200, 300]
BASIC = ['baseline', 'hybrid:cf=1.5', 'hybrid:cf=2', 'linear:factor=4']
MORE = BASIC + ['dynamic-ntk:factor=2', 'yarn:factor=4+hybrid:cf=2']
# What keeps a model's own scaling and what takes its place.
ON_SCALED = ['baseline', 'hybrid:cf=2', 'plain', 'linear:factor=4', 'own+linear:factor=2',
             'own+yarn:factor=2+hybrid:cf=1.5']
REGIMES = [{'window': 100, 'stride': 40, 'lengths': [100, 101, 220, 300]},
           {'window': 130, 'stride': 1, 'lengths': [133]},
           {'window': 97, 'lengths': [97, 193, 300]},
           {'window': 64, 'bos': 1, 'lengths': [300]}]
REGIME_METHODS = ['baseline', 'hybrid:cf=2', 'dynamic-ntk:factor=2']
TYPES = {'f32': gguf.GGMLQuantizationType.F32, 'f16': gguf.GGMLQuantizationType.F16,
         'bf16': gguf.GGMLQuantizationType.BF16, 'q8_0': gguf.GGMLQuantizationType.Q8_0}

TIED = {'name': 'tied', 'vocab': 160, 'hidden': 64, 'ffn': 96, 'layers': 2, 'heads': 4,
        'kv_heads': 2, 'head_dim': 16, 'base': 10000.0, 'eps': 1e-5, 'tied': True, 'seed': 11}
# heads * head_dim is not hidden, and the vocabulary is a multiple of nothing.
UNTIED = {'name': 'untied', 'vocab': 157, 'hidden': 64, 'ffn': 160, 'layers': 1, 'heads': 4,
          'kv_heads': 1, 'head_dim': 32, 'base': 500000.0, 'eps': 1e-6, 'tied': False, 'seed': 12}


def make_weights(shape):
    generator = torch.Generator().manual_seed(shape['seed'])

    def matrix(rows, cols, deviation=0.15):
        return torch.randn(rows, cols, generator=generator) * deviation

    def norm():
        return 1 + 0.1 * torch.randn(shape['hidden'], generator=generator)

    hidden, q = shape['hidden'], shape['heads'] * shape['head_dim']
    kv = shape['kv_heads'] * shape['head_dim']
    weights = {'model.embed_tokens.weight': matrix(shape['vocab'], hidden)}
    for layer in range(shape['layers']):
        weights |= {f'model.layers.{layer}.{name}.weight': value for name, value in (
            ('input_layernorm', norm()), ('self_attn.q_proj', matrix(q, hidden)),
            ('self_attn.k_proj', matrix(kv, hidden)), ('self_attn.v_proj', matrix(kv, hidden)),
            ('self_attn.o_proj', matrix(hidden, q)), ('post_attention_layernorm', norm()),
            ('mlp.gate_proj', matrix(shape['ffn'], hidden)),
            ('mlp.up_proj', matrix(shape['ffn'], hidden)),
            ('mlp.down_proj', matrix(hidden, shape['ffn'])))}
    weights['model.norm.weight'] = norm()
    if not shape['tied']:
        weights['lm_head.weight'] = matrix(shape['vocab'], hidden)
    return weights


def write_folder(shape, weights, path, dtype, shards):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    config = {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_act': 'silu',
              'vocab_size': shape['vocab'], 'hidden_size': shape['hidden'],
              'intermediate_size': shape['ffn'], 'num_hidden_layers': shape['layers'],
              'num_attention_heads': shape['heads'], 'num_key_value_heads': shape['kv_heads'],
              'head_dim': shape['head_dim'], 'max_position_embeddings': CONTEXT,
              'rms_norm_eps': shape['eps'], 'tie_word_embeddings': shape['tied'],
              'rope_theta': shape['base'],
              'rope_parameters': {'rope_type': 'default', 'rope_theta': shape['base']},
              'bos_token_id': None, 'eos_token_id': None,
              'dtype': str(dtype).removeprefix('torch.')}
    (path / 'config.json').write_text(json.dumps(config, indent=1) + '\n')
    weights = {name: value.to(dtype) for name, value in weights.items()}
    names, index = list(weights), {}
    for shard in range(shards):
        number = f'-{shard + 1:05}-of-{shards:05}' if shards > 1 else ''
        file = f'model{number}.safetensors'
        part = {name: weights[name] for name in names[shard::shards]}
        safetensors.torch.save_file(part, path / file, metadata={'format': 'pt'})
        index |= dict.fromkeys(part, file)
    if shards > 1:
        size = sum(value.nbytes for value in weights.values())
        (path / 'model.safetensors.index.json').write_text(
            json.dumps({'metadata': {'total_size': size}, 'weight_map': index}, indent=1) + '\n')


def interleaved(rows, n_heads):
    heads = rows.reshape(n_heads, 2, -1, rows.shape[-1])
    return heads.transpose(1, 2).reshape(rows.shape)


def gguf_name(shape, name):
    known = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, shape['layers'])
    return known.get_name(name, try_suffixes=('.weight',))


def write_gguf(shape, weights, path, dtype):
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_name('tiny-' + shape['name'])
    writer.add_vocab_size(shape['vocab'])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape['hidden'])
    writer.add_block_count(shape['layers'])
    writer.add_feed_forward_length(shape['ffn'])
    writer.add_head_count(shape['heads'])
    writer.add_head_count_kv(shape['kv_heads'])
    writer.add_key_length(shape['head_dim'])
    writer.add_value_length(shape['head_dim'])
    writer.add_rope_dimension_count(shape['head_dim'])
    writer.add_rope_freq_base(shape['base'])
    writer.add_layer_norm_rms_eps(shape['eps'])
    for name, value in weights.items():
        if '.q_proj.' in name or '.k_proj.' in name:
            value = interleaved(value, shape['heads' if '.q_proj.' in name else 'kv_heads'])
        kind = TYPES['f32'] if value.dim() == 1 else TYPES[dtype]
        data = gguf.quants.quantize(value.contiguous().numpy(), kind)
        writer.add_tensor(gguf_name(shape, name), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# Models with the weights of a file that is there and a scaling of their own.
LISTS = {'short_factor': [1 + i / 64 for i in range(16)], 'long_factor': [1 + i for i in range(16)]}
SCALED = {'linear': {'rope_type': 'linear', 'factor': 2.5},
          'dynamic': {'rope_type': 'dynamic', 'factor': 2.0},
          'yarn': {'rope_type': 'yarn', 'factor': 4.0, 'beta_fast': 8, 'beta_slow': 1.5,
                   'original_max_position_embeddings': 48},
          'longrope': {'rope_type': 'longrope', 'original_max_position_embeddings': 48,
                       **LISTS},
          'llama3': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,
                     'high_freq_factor': 4.0, 'original_max_position_embeddings': 48},
          'proportional': {'rope_type': 'proportional', 'partial_rotary_factor': 0.5}}


def write_scaled(name, rope, source):
    """A folder whose weights are a link to another's."""
    path = DATA / f'tiny-scaled-{name}'
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    config = json.loads((source / 'config.json').read_text())
    config['rope_parameters'] = {'rope_theta': config['rope_theta'], **rope}
    (path / 'config.json').write_text(json.dumps(config) + '\n')
    (path / 'model.safetensors').symlink_to(f'../{source.name}/model.safetensors')
    return path


def judge(path, ids, nll_methods, methods=BASIC, lengths=LENGTHS, regimes=()):
    result = reference.evaluate(path, ids, methods, lengths, nll_methods=nll_methods,
                                regimes=[{**r, 'methods': REGIME_METHODS} for r in regimes])
    reference.write(result, DATA / f'{path.name}.expected.json')


def judge_every_method(path, ids, shape):
    model, ids = reference.Judge(path), torch.tensor(ids)
    every.judge(path.name, model.nll, ids, shape['head_dim'] // 2)


def main():
    for shape in (TIED, UNTIED):
        stem = f'tiny-{shape["name"]}'
        weights = make_weights(shape)
        rng = random.Random(shape['seed'])
        ids = [rng.randrange(shape['vocab']) for _ in range(max(LENGTHS))]
        (DATA / f'{stem}.ids').write_text(' '.join(map(str, ids)) + '\n')
        shards = 1 if shape['tied'] else 2
        write_folder(shape, weights, DATA / f'{stem}-f32', torch.float32, shards)
        judge(DATA / f'{stem}-f32', ids, BASIC, MORE, regimes=REGIMES)
        judge_every_method(DATA / f'{stem}-f32', ids, shape)
        half = torch.float16 if shape['tied'] else torch.bfloat16
        folder = f'{stem}-{"f16" if shape["tied"] else "bf16"}'
        write_folder(shape, weights, DATA / folder, half, 1)
        judge(DATA / folder, ids, ['baseline', 'hybrid:cf=2'])
        for dtype in TYPES:
            path = DATA / f'{stem}-{dtype}.gguf'
            write_gguf(shape, weights, path, dtype)
            judge(path, ids, ['baseline', 'hybrid:cf=2'])
        judge_every_method(DATA / f'{folder}.gguf', ids, shape)
        if not shape['tied']:
            for name, rope in SCALED.items():
                judge(write_scaled(name, rope, DATA / folder), ids, [], ON_SCALED, every.LENGTHS)


if __name__ == '__main__':
    main()
