// SPDX-License-Identifier: MIT
#include "bits32.glsl"
#include "iq4.glsl"

#define WEIGHT_SCALED

// A word a block of the scales' low bits, then one of d and their high bits.
ivec2 weight_scales(uint row, uint k, uint cols)
{
    const uint at = row + (cols >> 3) + (k >> 8), g = k >> 5 & 7u;
    const uint other = weight_words[at + (cols >> 8)];
    const uint scale = weight_words[at] >> 4u * g & 15u | (other >> 16 + 2u * g & 3u) << 4;
    return ivec2(int(scale) - 32, 0);
}

vec2 weight_units(uint row, uint k, uint cols)
{
    return vec2(unpackHalf2x16(weight_words[row + (cols >> 3) + (cols >> 8) + (k >> 8)]).x, 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    return iq4_lookup(bits4(row, k));
}
