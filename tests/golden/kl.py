#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""KL divergences between methods, and between a model and the same quantised, in float64 from
transformers' logits. Writes data/kl.expected.json; README.md describes it.

Needs torch, transformers, gguf, safetensors, and the models that tiny.py and families.py made.
"""
import json
import re

import torch

import families
import reference
from tiny import CONTEXT, DATA

QUANTILES = {'median': 0.5, 'p90': 0.9, 'p95': 0.95, 'p99': 0.99, 'max': 1.0}

# `kl` is the reference's method, `other` its model where it is another one.
CASES = [
    {'model': 'tiny-tied-f32.gguf', 'kl': 'baseline', 'lengths': [64, 65, 128, 300],
     'methods': ['hybrid:cf=2', 'linear:factor=4', 'yarn:factor=4']},
    {'model': 'tiny-tied-f32.gguf', 'kl': 'hybrid:cf=2', 'lengths': [64, 128, 300],
     'methods': ['baseline', 'hybrid:cf=1.5']},
    {'model': 'tiny-tied-f16.gguf', 'kl': 'dynamic-ntk:factor=2', 'lengths': [50, 100, 200],
     'methods': ['baseline', 'hybrid:cf=2', 'linear:factor=2']},
    {'model': 'tiny-tied-f32.gguf', 'kl': 'baseline', 'lengths': [150, 300], 'window': 100,
     'stride': 40, 'methods': ['hybrid:cf=2', 'linear:factor=4']},
    {'model': 'tiny-tied-f32.gguf', 'kl': 'hybrid:cf=2', 'lengths': [300], 'window': 200,
     'stride': 60, 'methods': ['baseline']},
    {'model': 'tiny-untied-f32.gguf', 'kl': 'baseline', 'lengths': [300], 'window': 96, 'bos': 1,
     'methods': ['hybrid:cf=2', 'dynamic-ntk:factor=2']},
    {'model': 'tiny-untied-q8_0.gguf', 'other': 'tiny-untied-f32.gguf', 'kl': 'baseline',
     'lengths': [64, 300], 'methods': ['baseline', 'hybrid:cf=2']},
    {'model': 'tiny-tied-bf16.gguf', 'other': 'tiny-tied-f32.gguf', 'kl': 'hybrid:cf=2',
     'lengths': [300], 'methods': ['hybrid:cf=2']},
    {'model': 'family-gemma2', 'kl': 'baseline', 'lengths': [64, 200],
     'methods': ['hybrid:cf=2', 'linear:factor=4']},
    {'model': 'family-gemma2-aligned.gguf', 'kl': 'baseline', 'lengths': [64, 200],
     'methods': ['hybrid:cf=2', 'linear:factor=4']},
    {'model': 'family-qwen2-aligned.gguf', 'kl': 'hybrid:cf=2', 'lengths': [64, 200],
     'methods': ['baseline']},
    {'model': 'family-qwen2-aligned.gguf', 'other': 'family-qwen2-aligned.gguf',
     'kl': 'hybrid:cf=2', 'lengths': [64, 200], 'methods': ['baseline', 'hybrid:cf=2']},
]


class Family:
    """A model that families.py made, from the same random numbers."""

    def __init__(self, name):
        family = next(f for f in families.FAMILIES if name.split('-')[1].startswith(f['name']))
        if 'aligned' in name:
            family = families.aligned(family)
            self.config = families.make_config(family, **family['gguf_config'])
            self.weights = families.rounded(families.make_weights(family), family['gguf'])
        else:
            self.config = families.make_config(family)
            self.weights = {key: value.to(families.TORCH[family['folder']]).float()
                            for key, value in families.make_weights(family).items()}
        self.limit = CONTEXT
        self.check(json.loads((DATA / f'{name}.expected.json').read_text()), name)

    def logits(self, method, ids):
        return families.logits_of(self.config, self.weights, ids.tolist(), method)

    def check(self, expected, name):
        """These are the weights in the file: what was expected of it is what they give."""
        ids = read_ids(name)[:max(expected['lengths'])]
        (method, nll), = expected['nll'].items()
        apart = (reference.nll_of(self.logits(method, ids), ids) - torch.tensor(nll)).abs().max()
        assert apart < 1e-6, f'{name}: {apart}'


def read_ids(model):
    stem = re.sub(r'(-aligned)?(-(f32|f16|bf16|q8_0))?(\.gguf)?$', '', model)
    return torch.tensor([int(i) for i in (DATA / f'{stem}.ids').read_text().split()])


def open_model(name):
    return Family(name) if name.startswith('family') else reference.Judge(DATA / name)


def windows(case, n):
    """(begin, end, the first scored token) of each."""
    if 'window' not in case:
        yield 0, n, 1
    elif 'stride' in case:
        scored = 1
        for begin in range(0, n, case['stride']):
            end = min(begin + case['window'], n)
            yield begin, end, scored
            scored = end
            if end == n:
                return
    else:
        for begin in range(0, n - case['window'] + 1, case['window']):
            yield begin, begin + case['window'], begin + case['window'] // 2 + 1


def divergences(case, p, q, method, ids):
    """Of the scored tokens, and whether their most probable token is the same."""
    kl, same = [], []
    for begin, end, scored in windows(case, len(ids)):
        part = ids[begin:end].clone()
        if 'bos' in case:
            part[0] = case['bos']
        log_p, log_q = (model.logits(m, part)[scored - begin - 1:-1].log_softmax(-1)
                        for model, m in ((p, case['kl']), (q, method)))
        kl.append((log_p.exp() * (log_p - log_q)).sum(-1))
        same.append(log_p.argmax(-1) == log_q.argmax(-1))
    return torch.cat(kl), torch.cat(same)


@torch.no_grad()
def evaluate(case, models):
    ids = read_ids(case['model'])
    p, q = models[case.get('other', case['model'])], models[case['model']]
    result = {**case, 'ids': re.sub(r'-[^-]*$', '.ids', case['model']) if 'tiny' in case['model']
              else '-'.join(case['model'].split('-')[:2]).removesuffix('.gguf') + '.ids'}
    result['methods'] = {}
    for method in case['methods']:
        rows = {key: [] for key in ('mean', *QUANTILES, 'same_top')}
        for n in case['lengths']:
            kl, same = divergences(case, p, q, method, ids[:n])
            rows['mean'].append(kl.mean().item())
            rows['same_top'].append(same.double().mean().item())
            for key, share in QUANTILES.items():
                rows[key].append(kl.quantile(share).item())
        rows['tokens'] = [float(f'{x:.9g}') for x in kl.tolist()]
        result['methods'][method] = rows
    means = {method: rows['mean'][-1] for method, rows in result['methods'].items()}
    print(case['model'], case['kl'], means, flush=True)
    return result


def main():
    names = {case[key] for case in CASES for key in ('model', 'other') if key in case}
    models = {name: open_model(name) for name in sorted(names)}
    lines = json.dumps([evaluate(case, models) for case in CASES], separators=(',', ':'))
    lines = re.sub(r'("[^"]*":\[)', r'\n\1', lines)
    (DATA / 'kl.expected.json').write_text(lines + '\n')


if __name__ == '__main__':
    main()
