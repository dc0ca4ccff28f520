// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// Rows in blocks (src/kernels/weight.h) to panels of right operands; an invocation makes one word.
// Rows past the last repeat it. Define MATRIX_SIDE and the type.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint LAYOUT_B = 0;
layout(constant_id = 1) const uint BFLOAT = 0; // what the panels are made of, else halves
layout(binding = 0) readonly buffer W { uint weight_words[]; };
layout(binding = 1) writeonly buffer Panels { uvec4 words[]; };
layout(push_constant) uniform Push {
    uint n_rows, cols, row_words; // of the bound weight
    uint glu_rows;                // of the gate, which those of the up projection follow, or 0
    uint first_tile, n_tiles;     // of the panels to make
};

const uint SIDE = MATRIX_SIDE, LANES = SIDE * SIDE / 8, PANEL = 8;

#include "common/bfloat.glsl"
#include "common/order.glsl"
#include "common/weights.glsl"

// Gate and up projection take turns, tile by tile.
uint row_of(uint tile, uint in_tile)
{
    const uint row = glu_rows == 0u ? tile * SIDE + in_tile
                                    : tile % 2u * glu_rows + tile / 2u * SIDE + in_tile;
    return min(row, n_rows - 1u) * row_words;
}

uint pair_of(float low, float high)
{
    return BFLOAT != 0u ? bfloat_pair(low, high) : packFloat2x16(f16vec2(low, high));
}

// Halves 4i to 4i + 3 of a tile are neighbours of a row: the lowest bits of k.
const bool HAS_QUADS =
    SIDE == 1u << (LAYOUT_B & 15u) && 2 * SIDE == 1u << (LAYOUT_B >> 4 & 15u);

// Elements `first` to first + 3 of a tile.
vec4 quad_of(uint tile, uint k0, uint first)
{
    const uint lead = element_at(LAYOUT_B, first);
    if (HAS_QUADS)
        return weight4(row_of(tile, lead % SIDE), k0 + lead / SIDE, cols);
    vec4 quad;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint element = element_at(LAYOUT_B, first + i), k = k0 + element / SIDE;
        quad[i] = weight4(row_of(tile, element % SIDE), k & ~3u, cols)[k & 3u];
    }
    return quad;
}

uvec4 word_of(uint tile, uint k0, uint first)
{
    const vec4 a = quad_of(tile, k0, first), b = quad_of(tile, k0, first + 4);
    return uvec4(pair_of(a.x, a.y), pair_of(a.z, a.w), pair_of(b.x, b.y), pair_of(b.z, b.w));
}

void main()
{
    const uint k_tiles = cols / SIDE;
    const uint lane = gl_GlobalInvocationID.x % LANES, k = gl_GlobalInvocationID.x / LANES;
    if (k >= k_tiles)
        return;
    for (uint t = gl_WorkGroupID.y; t < n_tiles; t += gl_NumWorkGroups.y) {
        const uint to = (t / PANEL * k_tiles + k) * PANEL + t % PANEL;
        words[to * LANES + lane] = word_of(first_tile + t, k * SIDE, lane * 8);
    }
}
