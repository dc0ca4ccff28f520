#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same work as vkhrope-bench's, by PyTorch and transformers: bf16, SDPA, the loss in chunks.

Reads a job (JSON) from standard input and writes what was measured (JSON) to standard output.
compare.py starts it; needs torch and transformers, uses the first CUDA device, else the CPU.
"""
import gc
import json
import statistics
import sys
import time

import torch
import transformers

WARM_UP, REPETITION, LOSS_ROWS = 0.3, 0.05, 2048
METHODS = {'baseline': 1.0, 'hybrid:cf=1.5': 1.5, 'hybrid:cf=2': 2.0}
DEVICE = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
DTYPES = {'F16': torch.float16, 'BF16': torch.bfloat16}


def synchronise():
    if DEVICE.type == 'cuda':
        torch.cuda.synchronize()


def timed(run, calls):
    """Seconds of one call."""
    synchronise()
    began = time.perf_counter()
    for _ in range(calls):
        run()
    synchronise()
    return (time.perf_counter() - began) / calls


def measure(run, repeat):
    """Warm-up, then repetitions of at least REPETITION seconds, as vkhrope-bench does."""
    began, calls, seconds = time.perf_counter(), 1, 0.0
    while time.perf_counter() - began < WARM_UP:
        seconds = timed(run, calls)
        calls *= 2
    calls = max(1, min(1000, round(REPETITION / seconds)))
    taken = sorted(timed(run, calls) for _ in range(repeat))
    median = statistics.median(taken)
    return {'seconds': median, 'seconds_least': taken[0], 'seconds_most': taken[-1],
            'spread': (taken[-1] - taken[0]) / median}


def measure_with_peak(run, repeat):
    """Also the bytes at the worst moment, weights included; None without a GPU."""
    if DEVICE.type != 'cuda':
        return {**measure(run, repeat), 'peak_bytes': None}
    torch.cuda.reset_peak_memory_stats()
    return {**measure(run, repeat), 'peak_bytes': torch.cuda.max_memory_allocated()}


def or_out_of_memory(row, work):
    try:
        row.update(work())
    except torch.OutOfMemoryError:
        row['failed'] = 'out of memory'
    gc.collect()
    if DEVICE.type == 'cuda':
        torch.cuda.empty_cache()
    return row


def make_model(shape):
    """Random weights, made on the device."""
    common = {
        'num_hidden_layers': shape['n_layers'], 'hidden_size': shape['hidden'],
        'num_attention_heads': shape['n_heads'], 'num_key_value_heads': shape['n_kv_heads'],
        'head_dim': shape['head_dim'], 'intermediate_size': shape['ffn'],
        'vocab_size': shape['vocab'], 'rms_norm_eps': shape['norm_eps'],
        'max_position_embeddings': shape['context_length'], 'tie_word_embeddings': shape['tied'],
        'rope_parameters': {'rope_type': 'default', 'rope_theta': shape['rope_base']},
    }
    config = transformers.AutoConfig.for_model(shape['architecture'], **common)
    torch.manual_seed(1)
    with torch.device(DEVICE):
        model = transformers.AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation='sdpa')
    return model.eval()


class Places:
    """Compressed positions: the rotary module is given others than the mask is made from."""

    def __init__(self, model):
        self.positions = None
        rotary = model.model.rotary_emb
        original = rotary.forward

        def forward(x, position_ids, *rest, **named):
            if self.positions is not None:
                position_ids = self.positions[position_ids]
            return original(x, position_ids, *rest, **named)

        rotary.forward = forward

    def use(self, length, limit, factor):
        p = torch.arange(length, dtype=torch.float64)
        p = torch.where(p <= limit, p, limit + (p - limit) / factor)
        self.positions = None if factor == 1.0 else p.to(DEVICE, torch.float32)


@torch.inference_mode()
def mean_nll(model, ids):
    """The loss of a forward with labels, its logits never all in memory."""
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[0]
    targets, total = ids[0, 1:], 0.0
    for begin in range(0, targets.numel(), LOSS_ROWS):
        wanted = targets[begin:begin + LOSS_ROWS]
        logits = model.lm_head(hidden[begin:begin + wanted.numel()]).float()
        cap = getattr(model.config, 'final_logit_softcapping', None)
        if cap:
            logits = torch.tanh(logits / cap) * cap
        total = total + torch.nn.functional.cross_entropy(logits, wanted, reduction='sum')
    return float(total) / targets.numel()


def forward(model, ids, lengths, repeat):
    def work(length):
        nll = []
        row = measure_with_peak(lambda: nll.append(mean_nll(model, ids[:, :length])), repeat)
        return {**row, 'tokens_per_second': length / row['seconds'], 'nll': nll[-1]}

    return [or_out_of_memory({'length': n}, lambda n=n: work(n)) for n in lengths]


def table(model, ids, job):
    """A pass for every length and method."""
    places, lengths, nll = Places(model), job['table'], {}

    def passes():
        for name, factor in METHODS.items():
            nll[name] = []
            for length in lengths:
                places.use(length, job['original_max_len'], factor)
                nll[name].append(mean_nll(model, ids[:, :length]))

    return or_out_of_memory({'passes': len(METHODS) * len(lengths), 'lengths': lengths},
                            lambda: {**measure_with_peak(passes, job['repeat']), 'nll': nll})


def matmul(products, repeat):
    rows = []
    for product in products:
        m, n, k = product['m'], product['n'], product['k']
        for name, dtype in DTYPES.items():
            x = torch.randn(m, k, device=DEVICE).to(dtype)
            w = torch.randn(n, k, device=DEVICE).to(dtype)
            row = measure(lambda x=x, w=w: torch.matmul(x, w.t()), repeat)
            rows.append({'matrix': product['matrix'], 'type': name, 'm': m, 'n': n, 'k': k, **row,
                         'tflops': 2e-12 * m * n * k / row['seconds']})
    return rows


def attention(shape, lengths, repeat):
    heads, kv_heads, dim = shape['n_heads'], shape['n_kv_heads'], shape['head_dim']

    def work(n):
        q = torch.randn(1, heads, n, dim, device=DEVICE).to(torch.bfloat16)
        k, v = torch.randn(2, 1, kv_heads, n, dim, device=DEVICE).to(torch.bfloat16)
        row = measure(lambda: torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=True), repeat)
        return {**row, 'tflops': 4e-12 * n * (n + 1) / 2 * heads * dim / row['seconds']}

    return [or_out_of_memory({'length': n}, lambda n=n: work(n)) for n in lengths]


def main():
    job = json.load(sys.stdin)
    result = {
        'torch': torch.__version__, 'transformers': transformers.__version__,
        'cuda': torch.version.cuda, 'type': 'BF16',
        'device': torch.cuda.get_device_name() if DEVICE.type == 'cuda' else 'cpu',
    }
    with torch.inference_mode():
        result['matmul'] = matmul(job['products'], job['repeat'])
        result['attention'] = attention(job['shape'], job['attention'], job['repeat'])
        model = make_model(job['shape'])
        result['parameters'] = sum(p.numel() for p in model.parameters())
        ids = torch.tensor([job['ids']], device=DEVICE)
        result['forward'] = forward(model, ids, job['forward'], job['repeat'])
        if job['table']:
            result['table'] = table(model, ids, job)
    json.dump(result, sys.stdout)


if __name__ == '__main__':
    main()
