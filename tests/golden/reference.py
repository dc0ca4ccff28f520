#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Perplexities and NLLs of a Llama model in float64, computed twice: by transformers and by the
few lines of PyTorch below, which must agree to 1e-9. README.md gives the output's format.

Needs torch, transformers, gguf, safetensors; runs on the CPU or a GPU.
"""
import argparse
import json
import math
import pathlib

import gguf
import safetensors.torch
import torch
import transformers
from transformers.models.llama import modeling_llama

AGREE = 1e-9


def compress(p, limit, cf):
    return p if p <= limit else limit + (p - limit) / cf


def positions(method, limit, n, device):
    """float64 positions of `baseline`, `hybrid:cf=X` or `linear:factor=X`."""
    name, _, value = method.partition(':')
    value = float(value.partition('=')[2] or 1)
    place = {'baseline': float, 'linear': lambda p: p / value,
             'hybrid': lambda p: compress(p, limit, value)}[name]
    return torch.tensor([place(p) for p in range(n)], dtype=torch.float64, device=device)


def halves(rows, n_heads):
    """Rows of q or k from llama's GGUF order, pairs side by side, to pairs half a head apart."""
    heads = rows.reshape(n_heads, -1, 2, rows.shape[-1])
    return heads.transpose(1, 2).reshape(rows.shape)


GGUF_NAMES = {'token_embd': 'embed', 'output_norm': 'norm', 'output': 'head', 'attn_norm': 'norm1',
              'ffn_norm': 'norm2', 'attn_q': 'q', 'attn_k': 'k', 'attn_v': 'v', 'attn_output': 'o',
              'ffn_gate': 'gate', 'ffn_up': 'up', 'ffn_down': 'down'}
HF_NAMES = {'embed_tokens': 'embed', 'model.norm': 'norm', 'lm_head': 'head',
            'input_layernorm': 'norm1', 'post_attention_layernorm': 'norm2', 'q_proj': 'q',
            'k_proj': 'k', 'v_proj': 'v', 'o_proj': 'o', 'gate_proj': 'gate', 'up_proj': 'up',
            'down_proj': 'down'}


def load_gguf(path):
    reader = gguf.GGUFReader(path)
    field = {k: f.contents() for k, f in reader.fields.items() if k.startswith('llama.')}
    config = {'layers': field['llama.block_count'], 'heads': field['llama.attention.head_count'],
              'kv_heads': field['llama.attention.head_count_kv'],
              'eps': field['llama.attention.layer_norm_rms_epsilon'],
              'base': field['llama.rope.freq_base'], 'context': field['llama.context_length']}
    weights = {}
    for tensor in reader.tensors:
        *block, name, _ = tensor.name.split('.')
        name = GGUF_NAMES[name]
        value = torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type)).double()
        if name in 'qk':
            value = halves(value, config['heads' if name == 'q' else 'kv_heads'])
        weights[(int(block[1]), name) if block else name] = value
    return config, weights


def load_folder(path):
    spec = json.loads((path / 'config.json').read_text())
    config = {'layers': spec['num_hidden_layers'], 'heads': spec['num_attention_heads'],
              'kv_heads': spec['num_key_value_heads'], 'eps': spec['rms_norm_eps'],
              'base': spec['rope_parameters']['rope_theta'],
              'context': spec['max_position_embeddings']}
    weights = {}
    for file in sorted(path.glob('*.safetensors')):
        for full, value in safetensors.torch.load_file(file).items():
            part = full.split('.')
            name = HF_NAMES.get(part[-2]) or HF_NAMES['.'.join(part[:-1])]
            weights[(int(part[2]), name) if part[1] == 'layers' else name] = value.double()
    return config, weights


def load(path, device):
    config, weights = load_folder(path) if path.is_dir() else load_gguf(path)
    return config, {name: value.to(device) for name, value in weights.items()}


def angles(config, head_dim, place):
    exponent = torch.arange(0, head_dim, 2, dtype=torch.float64, device=place.device) / head_dim
    turn = torch.outer(place, config['base'] ** -exponent)
    return torch.cat([turn, turn], 1)


def nll_of(logits, ids):
    return torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction='none')


def nll_plain(config, weights, ids, place):
    """NLL of ids[1:], each given all before it."""
    def norm(x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + config['eps']) * weight

    def heads(x, weight, count):
        return (x @ weight.T).view(len(ids), count, -1).transpose(0, 1)

    def rotate(x):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    group = config['heads'] // config['kv_heads']
    head_dim = weights[0, 'q'].shape[0] // config['heads']
    turn = angles(config, head_dim, place)
    cos, sin = turn.cos(), turn.sin()
    later = torch.ones(len(ids), len(ids), dtype=torch.bool, device=ids.device).triu(1)
    x = weights['embed'][ids]
    for layer in range(config['layers']):
        w = {name[1]: value for name, value in weights.items() if name[0] == layer}
        h = norm(x, w['norm1'])
        q = rotate(heads(h, w['q'], config['heads']))
        k = rotate(heads(h, w['k'], config['kv_heads'])).repeat_interleave(group, 0)
        v = heads(h, w['v'], config['kv_heads']).repeat_interleave(group, 0)
        score = (q @ k.transpose(1, 2) / math.sqrt(head_dim)).masked_fill(later, -math.inf)
        x = x + (score.softmax(-1) @ v).transpose(0, 1).flatten(1) @ w['o'].T
        h = norm(x, w['norm2'])
        x = x + (torch.nn.functional.silu(h @ w['gate'].T) * (h @ w['up'].T)) @ w['down'].T
    return nll_of(norm(x, weights['norm']) @ weights.get('head', weights['embed']).T, ids)


def norm_in_input_type(self, x):
    scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)
    return self.weight * (x * scale)


class Rotary(torch.nn.Module):
    """In place of transformers' own, which computes in float32 and takes integer positions."""

    def __init__(self, cos, sin):
        super().__init__()
        self.cos, self.sin = cos[None], sin[None]

    def forward(self, x, position_ids=None, **_):
        return self.cos, self.sin


def open_transformers(path, device):
    modeling_llama.LlamaRMSNorm.forward = norm_in_input_type
    where = (path, {}) if path.is_dir() else (path.parent, {'gguf_file': path.name})
    model = transformers.LlamaForCausalLM.from_pretrained(
        where[0], dtype=torch.float64, attn_implementation='sdpa', **where[1])
    return model.double().to(device).eval()


def nll_transformers(model, config, ids, place):
    """As nll_plain. The mask is explicit: positions that do not step by one would change it."""
    head_dim = model.model.layers[0].self_attn.head_dim
    turn = angles(config, head_dim, place)
    model.model.rotary_emb = Rotary(turn.cos(), turn.sin())
    n = len(ids)
    mask = torch.full((n, n), -math.inf, dtype=torch.float64, device=ids.device).triu(1)
    logits = model(input_ids=ids[None], attention_mask=mask[None, None], use_cache=False).logits[0]
    return nll_of(logits, ids)


@torch.no_grad()
def evaluate(path, ids, methods, lengths, limit=None, nll_methods=(), device='cpu'):
    """One pass a method: the model is causal, so a shorter length is a prefix."""
    config, weights = load(path, device)
    model = open_transformers(path, device)
    limit = limit or config['context']
    ids = torch.tensor(ids[:max(lengths)], device=device)
    result = {'model': path.name, 'original_max_len': limit, 'lengths': lengths, 'ppl': {},
              'nll': {}}
    for method in methods:
        place = positions(method, limit, len(ids), device)
        nll = nll_plain(config, weights, ids, place)
        apart = (nll - nll_transformers(model, config, ids, place)).abs().max().item()
        assert apart < AGREE, f'{path} {method}: the two implementations are {apart} apart'
        result['ppl'][method] = [float(f'{math.exp(nll[:n - 1].mean()):.10g}') for n in lengths]
        if method in nll_methods:
            result['nll'][method] = [float(f'{x:.9g}') for x in nll.tolist()]
        print(f'{path.name} {method}: implementations {apart:.1e} apart', flush=True)
    return result


def write(result, path):
    lines = json.dumps(result, separators=(',', ':'))
    for key in ('"ppl":', '"nll":', '"baseline":', '"hybrid:', '"linear:'):
        lines = lines.replace(key, '\n' + key)
    path.write_text(lines + '\n')


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('model', type=pathlib.Path, help='GGUF file or Hugging Face folder')
    args.add_argument('ids', type=pathlib.Path, help='whitespace-separated token ids')
    args.add_argument('--lengths', default='512,1024,2048,3072')
    args.add_argument('--method', action='append')
    args.add_argument('--original-max-len', type=int)
    args.add_argument('--nll', action='append', default=[], help='a method to write the NLLs of')
    args.add_argument('--out', type=pathlib.Path)
    args.add_argument('--device', default='cpu')
    args = args.parse_args()
    methods = args.method or ['baseline', 'hybrid:cf=1.5', 'hybrid:cf=2', 'linear:factor=4']
    lengths = [int(n) for n in args.lengths.split(',')]
    ids = [int(i) for i in args.ids.read_text().split()]
    assert len(ids) >= max(lengths), f'{args.ids}: {len(ids)} ids, {max(lengths)} wanted'
    result = evaluate(args.model, ids, methods, lengths, args.original_max_len, args.nll,
                      args.device)
    if args.out:
        write(result, args.out)
    print('length ' + ' '.join(f'{m:>15}' for m in methods))
    for row, n in enumerate(lengths):
        print(f'{n:6} ' + ' '.join(f'{result["ppl"][m][row]:15.4f}' for m in methods))


if __name__ == '__main__':
    main()
