// SPDX-License-Identifier: MIT
#include "bits32.glsl"
#include "iq4.glsl"

vec2 weight_group(uint row, uint k, uint cols)
{
    return vec2(weight_half(row + (cols >> 3), k >> 5), 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return iq4_lookup(bits4(row, k));
}
