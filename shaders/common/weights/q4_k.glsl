// SPDX-License-Identifier: MIT
#include "bits256.glsl"
#include "q4_k_scales.glsl"

vec2 weight_group(uint row, uint k, uint cols)
{
    const uint scales = row + (cols >> 3);
    return scale_and_minimum(scales, scales + 3u * (cols >> 8), k);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return weight_bytes(bits4(row, k));
}
