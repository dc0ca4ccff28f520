// SPDX-License-Identifier: MIT
#include "bits256.glsl"

#define WEIGHT_SCALED

ivec2 weight_scales(uint row, uint k, uint cols)
{
    const uint both = weight_byte(row + (cols >> 4), k >> 4);
    return ivec2(both & 15u, both >> 4);
}

vec2 weight_units(uint row, uint k, uint cols)
{
    return unpackHalf2x16(weight_words[row + (cols >> 4) + (cols >> 6) + (k >> 8)]);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits2(row, k));
}
