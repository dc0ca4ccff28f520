#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a model whose matrices are of 13 types, split over three GGUF files, and what reference.py
says of its dequantised weights. Writes data/tiny-mixed*; README.md lists them.
"""
import pathlib
import random
import tempfile

import gguf
import numpy

import reference

DATA = pathlib.Path(__file__).parent / 'data'
LENGTHS = [64, 65, 100, 200, 300]
VOCAB, HIDDEN, FFN, HEADS, KV_HEADS, HEAD_DIM, CONTEXT = 160, 256, 256, 4, 1, 64, 64
QUERY, KV = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
DEVIATION = 0.06

MATRICES = {
    'token_embd': ('Q4_K', VOCAB, HIDDEN), 'output': ('Q6_K', VOCAB, HIDDEN),
    'blk.0.attn_q': ('Q2_K', QUERY, HIDDEN), 'blk.0.attn_k': ('Q3_K', KV, HIDDEN),
    'blk.0.attn_v': ('Q8_0', KV, HIDDEN), 'blk.0.attn_output': ('Q4_K', HIDDEN, QUERY),
    'blk.0.ffn_gate': ('Q5_K', FFN, HIDDEN), 'blk.0.ffn_up': ('Q5_K', FFN, HIDDEN),
    'blk.0.ffn_down': ('IQ4_XS', HIDDEN, FFN),
    'blk.1.attn_q': ('Q4_0', QUERY, HIDDEN), 'blk.1.attn_k': ('Q4_1', KV, HIDDEN),
    'blk.1.attn_v': ('BF16', KV, HIDDEN), 'blk.1.attn_output': ('Q5_0', HIDDEN, QUERY),
    'blk.1.ffn_gate': ('Q5_1', FFN, HIDDEN), 'blk.1.ffn_up': ('Q5_1', FFN, HIDDEN),
    'blk.1.ffn_down': ('IQ4_NL', HIDDEN, FFN)}
NORMS = ['output_norm'] + [f'blk.{i}.{name}_norm' for i in (0, 1) for name in ('attn', 'ffn')]

# Where a block's scale and minimum lie, and the minimum that centres random quants at scale 1.
HALVES = {'Q4_0': (0,), 'Q4_1': (0, 2, -7.5), 'Q5_0': (0,), 'Q5_1': (0, 2, -15.5), 'Q8_0': (0,),
          'Q2_K': (80, 82, 1.5), 'Q3_K': (108,), 'Q4_K': (0, 2, 7.5), 'Q5_K': (0, 2, 15.5),
          'Q6_K': (208,), 'IQ4_NL': (0,), 'IQ4_XS': (0,)}


def put(blocks, name, scales):
    def half(at, values):
        blocks[:, at:at + 2] = values.astype('<f2').view(numpy.uint8).reshape(-1, 2)
    half(HALVES[name][0], scales)
    if len(HALVES[name]) > 1:
        half(HALVES[name][1], scales * HALVES[name][2])


def matrix(name, rows, cols, rng):
    kind = gguf.GGMLQuantizationType[name]
    if name not in HALVES:
        return gguf.quants.quantize(rng.normal(0, DEVIATION, (rows, cols)).astype('f4'), kind)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    n = rows * cols // elements
    blocks = rng.integers(0, 256, (n, size), dtype=numpy.uint8)
    put(blocks, name, numpy.ones(n))
    spread = gguf.quants.dequantize(blocks, kind).std()
    put(blocks, name, DEVIATION / spread * rng.uniform(0.7, 1.3, n))
    return blocks.reshape(rows, -1)


def write(path, tensors, **split):
    writer = gguf.GGUFWriter(path, 'llama', **split)
    writer.add_name('tiny-mixed')
    writer.add_vocab_size(VOCAB)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(2)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name + '.weight', data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    rng = numpy.random.default_rng(8)
    tensors = {name: (rng.normal(1, 0.1, HIDDEN).astype('f4'), gguf.GGMLQuantizationType.F32)
               for name in NORMS}
    for name, (kind, rows, cols) in MATRICES.items():
        tensors[name] = (matrix(kind, rows, cols, rng), gguf.GGMLQuantizationType[kind])
    for old in DATA.glob('tiny-mixed-*.gguf'):
        old.unlink()
    write(DATA / 'tiny-mixed.gguf', tensors, split_max_tensors=9)
    draw = random.Random(8)
    ids = [draw.randrange(VOCAB) for _ in range(max(LENGTHS))]
    (DATA / 'tiny-mixed.ids').write_text(' '.join(map(str, ids)) + '\n')
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / 'tiny-mixed.gguf'
        write(whole, tensors)
        result = reference.evaluate(whole, ids, ['baseline', 'hybrid:cf=2'], LENGTHS,
                                    nll_methods=['baseline'])
    reference.write(result, DATA / 'tiny-mixed.gguf.expected.json')


if __name__ == '__main__':
    main()
