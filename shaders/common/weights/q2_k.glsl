// SPDX-License-Identifier: MIT
#include "bits256.glsl"

vec2 weight_group(uint row, uint k, uint cols)
{
    const uint scales = row + (cols >> 4);
    const uint both = weight_byte(scales, k >> 4);
    const vec2 d = unpackHalf2x16(weight_words[scales + (cols >> 6) + (k >> 8)]);
    return vec2(d.x * float(both & 15u), -(d.y * float(both >> 4)));
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits2(row, k));
}
