// SPDX-License-Identifier: MIT
// Planes of bits in the order of the 256-element blocks, one element a byte of the result.

// One bit: 8 words a block, bit e / 32 of byte e % 32.
uint bits1(uint plane, uint k)
{
    return weight_words[plane + (k >> 8 << 3) + ((k & 31u) >> 2)] >> (k >> 5 & 7u) & 0x01010101u;
}

// Two bits: 8 words for every 128, the lowest for the first 32 of them.
uint bits2(uint plane, uint k)
{
    return weight_words[plane + (k >> 7 << 3) + ((k & 31u) >> 2)] >> 2u * (k >> 5 & 3u) &
           0x03030303u;
}

// Four bits: 8 words for every 64, the low halves for the first 32 of them.
uint bits4(uint plane, uint k)
{
    return weight_words[plane + (k >> 6 << 3) + ((k & 31u) >> 2)] >> 4u * (k >> 5 & 1u) &
           0x0f0f0f0fu;
}
