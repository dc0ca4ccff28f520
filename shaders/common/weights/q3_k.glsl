// SPDX-License-Identifier: MIT
#include "bits256.glsl"
#define WEIGHT_SCALED

// Group g of 16's 6-bit scale: four bits in the first two words of the block's three, two in the
// third.
ivec2 weight_scales(uint row, uint k, uint cols)
{
    const uint scales = row + (cols >> 4) + (cols >> 5);
    const uint at = scales + 3u * (k >> 8), g = k >> 4 & 15u, shift = 8u * (g & 3u);
    const uint low = weight_words[at + (g >> 2 & 1u)] >> shift + (g >> 3 << 2) & 15u;
    const uint high = weight_words[at + 2] >> shift + 2u * (g >> 2) & 3u;
    return ivec2(int(low | high << 4) - 32, 0);
}

vec2 weight_units(uint row, uint k, uint cols)
{
    return vec2(weight_half(row + (cols >> 4) + (cols >> 5) + 3u * (cols >> 8), k >> 8), 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits2(row, k) | bits1(row + (cols >> 4), k) << 2) - 4.0;
}
