#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Perplexities and NLLs of a Llama model in float64, computed twice: by transformers and by the
few lines of PyTorch below, which must agree to 1e-9. README.md gives the output's format.

Needs torch, transformers, accelerate, gguf, safetensors; runs on the CPU or a GPU.
"""
import argparse
import json
import math
import pathlib
import re

import gguf
import safetensors.torch
import torch
import transformers
from transformers.models.llama import modeling_llama

import rope

AGREE = 1e-9
DATA = pathlib.Path(__file__).parent / 'data'


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
    parameters, context = spec['rope_parameters'], spec['max_position_embeddings']
    own = (parameters, context) if parameters['rope_type'] != 'default' else None
    if own and parameters['rope_type'] != 'dynamic':
        context = parameters.get('original_max_position_embeddings', context)
    config = {'layers': spec['num_hidden_layers'], 'heads': spec['num_attention_heads'],
              'kv_heads': spec['num_key_value_heads'], 'eps': spec['rms_norm_eps'],
              'base': parameters['rope_theta'], 'context': context, 'own': own}
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


def turning(config, weights, method, limit, length, device):
    """cos and sin of a sequence of `length` tokens, in float64, as transformers has them."""
    head_dim = weights[0, 'q'].shape[0] // config['heads']
    turns, scale = rope.turns(method, config['base'], head_dim, limit, length,
                              own=config.get('own'))
    turn = torch.outer(rope.place(method, limit, length), turns)
    turn = torch.cat([turn, turn], 1).to(device)
    return turn.cos() * scale, turn.sin() * scale


def nll_of(logits, ids):
    return torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction='none')


def logits_plain(config, weights, ids, turn):
    """Those after each of the ids, given all up to it."""
    def norm(x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + config['eps']) * weight

    def heads(x, weight, count):
        return (x @ weight.T).view(len(ids), count, -1).transpose(0, 1)

    def rotate(x):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    group = config['heads'] // config['kv_heads']
    head_dim = weights[0, 'q'].shape[0] // config['heads']
    cos, sin = turn
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
    return norm(x, weights['norm']) @ weights.get('head', weights['embed']).T


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


def logits_transformers(model, ids, turn):
    """As logits_plain. The mask is explicit: positions that do not step by one would change it."""
    model.model.rotary_emb = Rotary(*turn)
    n = len(ids)
    mask = torch.full((n, n), -math.inf, dtype=torch.float64, device=ids.device).triu(1)
    return model(input_ids=ids[None], attention_mask=mask[None, None], use_cache=False).logits[0]


class Judge:
    """A model in both implementations."""

    def __init__(self, path, limit=None, device='cpu'):
        self.config, self.weights = load(path, device)
        self.model = open_transformers(path, device)
        self.limit = limit or self.config['context']
        self.device, self.apart = device, 0.0

    @torch.no_grad()
    def logits(self, method, ids):
        """Those after each of the ids, one sequence from position 0."""
        turn = turning(self.config, self.weights, method, self.limit, len(ids), self.device)
        logits = logits_plain(self.config, self.weights, ids, turn)
        apart = (logits - logits_transformers(self.model, ids, turn)).abs().max().item()
        assert apart < AGREE, f'{method}: the two implementations are {apart} apart'
        self.apart = max(self.apart, apart)
        return logits

    def nll(self, method, ids):
        """NLL of ids[1:]."""
        return nll_of(self.logits(method, ids), ids)

    def sliding(self, method, ids, window, stride):
        """As Hugging Face's guide to perplexity does it, but without its error of one token a
        window in the count."""
        parts, scored = [], 1
        for begin in range(0, len(ids), stride):
            end = min(begin + window, len(ids))
            parts.append(self.nll(method, ids[begin:end])[scored - begin - 1:])
            scored = end
            if end == len(ids):
                return torch.cat(parts)

    def chunked(self, method, ids, window, bos):
        """As llama.cpp's llama-perplexity does it."""
        parts = []
        for begin in range(0, len(ids) - window + 1, window):
            part = ids[begin:begin + window].clone()
            if bos is not None:
                part[0] = bos
            parts.append(self.nll(method, part)[window // 2:])
        return torch.cat(parts)

    def regime(self, method, ids, regime):
        if 'stride' in regime:
            return self.sliding(method, ids, regime['window'], regime['stride'])
        return self.chunked(method, ids, regime['window'], regime.get('bos'))


def ppl_of(nll):
    return float(f'{math.exp(nll.mean()):.10g}')


def nll_list(nll):
    return [float(f'{x:.9g}') for x in nll.tolist()]


def table(nll, ids, methods, lengths, own=None):
    """PPL of each method at ascending lengths; `nll(method, ids)` gives NLL of ids[1:], `own` is
    the model's scaling as rope.turns takes it. One pass a method: the model is causal, so a shorter
    length is a prefix, unless the method's frequencies depend on the length."""
    ppl = {}
    for method in methods:
        if rope.varies(method, own):
            ppl[method] = [ppl_of(nll(method, ids[:n])) for n in lengths]
        else:
            whole = nll(method, ids[:max(lengths)])
            ppl[method] = [ppl_of(whole[:n - 1]) for n in lengths]
    return ppl


def evaluate(path, ids, methods, lengths, limit=None, nll_methods=(), device='cpu', regimes=()):
    judge = Judge(path, limit, device)
    ids = torch.tensor(ids[:max(lengths)], device=device)
    result = {'model': path.name, 'original_max_len': judge.limit, 'lengths': lengths,
              'ppl': table(judge.nll, ids, methods, lengths, judge.config.get('own')),
              'nll': {method: nll_list(judge.nll(method, ids)) for method in nll_methods},
              'regimes': []}
    for regime in regimes:
        ppl = {method: [ppl_of(judge.regime(method, ids[:n], regime)) for n in regime['lengths']]
               for method in regime['methods']}
        result['regimes'].append({**regime, 'ppl': ppl})
    print(f'{path.name}: {len(methods)} methods, implementations {judge.apart:.1e} apart',
          flush=True)
    return result


def write(result, path):
    lines = json.dumps(result, separators=(',', ':'))
    for key in ('"ppl":', '"nll":', '"regimes":', '{"window"'):
        lines = lines.replace(key, '\n' + key)
    lines = re.sub(r'("[^"]*":\[)', r'\n\1', lines)
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
