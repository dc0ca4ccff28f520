// SPDX-License-Identifier: MIT
#include "bits256.glsl"
#include "q4_k_scales.glsl"

ivec2 weight_scales(uint row, uint k, uint cols)
{
    return scale_and_minimum(row + (cols >> 3) + (cols >> 5), k);
}

vec2 weight_units(uint row, uint k, uint cols)
{
    return unpackHalf2x16(weight_words[row + (cols >> 3) + (cols >> 5) + 3u * (cols >> 8) + (k >> 8)]);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits4(row, k) | bits1(row + (cols >> 3), k) << 4);
}
