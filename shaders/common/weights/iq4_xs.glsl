// SPDX-License-Identifier: MIT
#include "bits32.glsl"
#include "iq4.glsl"

// A word a block of the scales' low bits, then one of d and their high bits.
vec2 weight_group(uint row, uint k, uint cols)
{
    const uint at = row + (cols >> 3) + (k >> 8), g = k >> 5 & 7u;
    const uint other = weight_words[at + (cols >> 8)];
    const uint scale = weight_words[at] >> 4u * g & 15u | (other >> 16 + 2u * g & 3u) << 4;
    return vec2(unpackHalf2x16(other).x * (float(scale) - 32.0), 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return iq4_lookup(bits4(row, k));
}
