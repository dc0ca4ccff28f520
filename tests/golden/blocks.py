#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Blocks of every quantised type, random and extreme, and what the gguf package makes of them.

Writes data/blocks-TYPE.bin, for which README.md gives the format. Needs numpy and gguf.
"""
import pathlib

import gguf
import numpy

DATA = pathlib.Path(__file__).parent / 'data'
# Where the fp16 scales of a block lie.
HALVES = {'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q8_0': [0], 'Q2_K': [80, 82],
          'Q3_K': [108], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208], 'IQ4_NL': [0],
          'IQ4_XS': [0]}
# 0, -0, the least and the largest subnormal, the largest number, both infinities, NaN
EXTREME = [0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e00]


def make(name, rng):
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    n_random = 16 if elements == 32 else 4
    blocks = rng.integers(0, 256, (n_random + len(EXTREME) + 2, size), dtype=numpy.uint8)

    def put(block, halves):
        for at, half in zip(HALVES[name], halves):
            block[at:at + 2] = [half & 255, half >> 8]

    for block in blocks[:n_random]:
        put(block, (numpy.float16(x).view(numpy.uint16) for x in rng.normal(0, 0.1, 2)))
    for i, half in enumerate(EXTREME):
        put(blocks[n_random + i], (half, EXTREME[(3 * i + 1) % len(EXTREME)]))
    for block, fill in zip(blocks[-2:], (0, 255)): # quants and integer scales
        block[:] = fill
        put(block, (0x3555, 0xb266))
    return blocks


def main():
    rng = numpy.random.default_rng(5)
    for name in HALVES:
        blocks = make(name, rng)
        with numpy.errstate(all='ignore'):
            values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name])
        with open(DATA / f'blocks-{name}.bin', 'wb') as file:
            file.write(numpy.uint32(len(blocks)).tobytes())
            file.write(blocks.tobytes())
            file.write(values.astype('<f4').tobytes())


if __name__ == '__main__':
    main()
