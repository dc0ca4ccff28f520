// SPDX-License-Identifier: MIT
// Reading a weight matrix in its device layout (src/kernels/weight.h). The includer declares
// `uint weight_words[]` and defines exactly one of WEIGHT_F32, WEIGHT_F16 … A row starts at word
// `row` and has `cols` elements; k is a multiple of 4.
//
// A type is a file in weights/. It gives
//   vec4 weight_quants(uint row, uint k, uint cols)   elements k … k+3 before they are scaled
//   vec2 weight_group(uint row, uint k, uint cols)    scale and offset of the group of k
// so that element = scale * quant + offset. A group is 16 aligned elements at least: whoever reads
// more than four of them needs its scale once. Products of scale and quant are exact in fp32.
// A type whose groups have small integers in units that a block shares, defines WEIGHT_SCALED and
// gives instead of the latter
//   ivec2 weight_scales(uint row, uint k, uint cols)  scale and minimum of the group of k
//   vec2 weight_units(uint row, uint k, uint cols)    the block's units of both
// One without groups defines WEIGHT_PLAIN instead, and its elements are the quants.

vec4 weight_bytes(uint word)
{
    return vec4(word & 255u, word >> 8 & 255u, word >> 16 & 255u, word >> 24);
}

// Half `i` of those that begin at word `plane`.
float weight_half(uint plane, uint i)
{
    const vec2 pair = unpackHalf2x16(weight_words[plane + (i >> 1)]);
    return (i & 1u) != 0u ? pair.y : pair.x;
}

// Byte `i` of those that begin at word `plane`.
uint weight_byte(uint plane, uint i)
{
    return weight_words[plane + (i >> 2)] >> 8u * (i & 3u) & 255u;
}

#if defined(WEIGHT_F32) || defined(WEIGHT_F16) || defined(WEIGHT_BF16)
#include "weights/plain.glsl"
#elif defined(WEIGHT_Q8_0)
#include "weights/q8_0.glsl"
#elif defined(WEIGHT_Q4_0)
#include "weights/q4_0.glsl"
#elif defined(WEIGHT_Q4_1)
#include "weights/q4_1.glsl"
#elif defined(WEIGHT_Q5_0)
#include "weights/q5_0.glsl"
#elif defined(WEIGHT_Q5_1)
#include "weights/q5_1.glsl"
#elif defined(WEIGHT_Q2_K)
#include "weights/q2_k.glsl"
#elif defined(WEIGHT_Q3_K)
#include "weights/q3_k.glsl"
#elif defined(WEIGHT_Q4_K)
#include "weights/q4_k.glsl"
#elif defined(WEIGHT_Q5_K)
#include "weights/q5_k.glsl"
#elif defined(WEIGHT_Q6_K)
#include "weights/q6_k.glsl"
#elif defined(WEIGHT_IQ4_NL)
#include "weights/iq4_nl.glsl"
#elif defined(WEIGHT_IQ4_XS)
#include "weights/iq4_xs.glsl"
#endif

#ifdef WEIGHT_SCALED
vec2 weight_group(uint row, uint k, uint cols)
{
    const vec2 units = weight_units(row, k, cols);
    const ivec2 scales = weight_scales(row, k, cols);
    return vec2(units.x * float(scales.x), -(units.y * float(scales.y)));
}
#endif

// Elements k … k+3.
vec4 weight4(uint row, uint k, uint cols)
{
#if defined(WEIGHT_PLAIN)
    return weight_quants(row, k, cols);
#else
    const vec2 group = weight_group(row, k, cols);
    return group.x * weight_quants(row, k, cols) + group.y;
#endif
}
