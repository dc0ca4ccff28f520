// SPDX-License-Identifier: MIT
#include "bits256.glsl"

#define WEIGHT_SCALED

ivec2 weight_scales(uint row, uint k, uint cols)
{
    const uint byte = weight_byte(row + (cols >> 3) + (cols >> 4), k >> 4);
    return ivec2(int(byte << 24) >> 24, 0);
}

vec2 weight_units(uint row, uint k, uint cols)
{
    return vec2(weight_half(row + (cols >> 3) + (cols >> 4) + (cols >> 6), k >> 8), 0);
}

// The low bits: 16 words for every 128 elements, the low halves for the first 64 of them.
vec4 weight_quants(uint row, uint k, uint cols)
{
    const uint low = weight_words[row + (k >> 7 << 4) + ((k & 63u) >> 2)] >> 4u * (k >> 6 & 1u);
    return weight_bytes(low & 0x0f0f0f0fu | bits2(row + (cols >> 3), k) << 4) - 32.0;
}
