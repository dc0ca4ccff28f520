// SPDX-License-Identifier: MIT
// Planes of bits in the order of the 32-element blocks, one element a byte of the result.

// Four bits: 4 words a block, the low halves for its first 16 elements.
uint bits4(uint plane, uint k)
{
    return weight_words[plane + (k >> 5 << 2) + ((k & 15u) >> 2)] >> ((k & 16u) >> 2) & 0x0f0f0f0fu;
}

// The fifth bits: a word a block, bit e for element e.
uint bit5(uint plane, uint k)
{
    const uint four = weight_words[plane + (k >> 5)] >> (k & 31u) & 15u;
    return four * 0x02040810u & 0x10101010u;
}
