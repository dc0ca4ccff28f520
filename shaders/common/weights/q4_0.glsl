// SPDX-License-Identifier: MIT
#include "bits32.glsl"

vec2 weight_group(uint row, uint k, uint cols)
{
    return vec2(weight_half(row + (cols >> 3), k >> 5), 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits4(row, k)) - 8.0;
}
