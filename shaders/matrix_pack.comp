// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Rows of fp16 or bf16 to panels of right operands of either; an invocation makes one word. Rows past
// the last become zeros.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint SIDE = 16;
layout(constant_id = 1) const uint LAYOUT_B = 0;
layout(constant_id = 2) const uint FROM_BFLOAT = 0;
layout(constant_id = 3) const uint TO_BFLOAT = 0;
layout(binding = 0) readonly buffer Rows { uint row_words[]; };
layout(binding = 1) writeonly buffer Panels { uvec4 words[]; };
layout(push_constant) uniform Push {
    uint n_rows, cols;          // of this dispatch
    uint first_tile, tile_step; // in the panels: of its first row, and of each SIDE rows more
};

const uint LANES = SIDE * SIDE / 8, PANEL = 8;

#include "common/bfloat.glsl"
#include "common/half.glsl"
#include "common/order.glsl"

uint half_at(uint row0, uint k0, uint place)
{
    const uint at = element_at(LAYOUT_B, place), row = row0 + at % SIDE, k = k0 + at / SIDE;
    if (row >= n_rows)
        return 0;
    const uint i = row * cols + k, bits = row_words[i / 2] >> 16 * (i % 2) & 0xffffu;
    if (FROM_BFLOAT == TO_BFLOAT)
        return bits;
    return FROM_BFLOAT != 0u ? half_bits(uintBitsToFloat(bits << 16))
                             : bfloat_pair(unpackHalf2x16(bits).x, 0.0);
}

void main()
{
    const uint k_tiles = cols / SIDE, tiles = (n_rows + SIDE - 1) / SIDE;
    const uint lane = gl_GlobalInvocationID.x % LANES, k = gl_GlobalInvocationID.x / LANES;
    if (k >= k_tiles)
        return;
    for (uint t = gl_WorkGroupID.y; t < tiles; t += gl_NumWorkGroups.y) {
        uint pairs[4];
        [[unroll]] for (uint i = 0; i < 4; i++)
            pairs[i] = half_at(t * SIDE, k * SIDE, lane * 8 + 2 * i) |
                       half_at(t * SIDE, k * SIDE, lane * 8 + 2 * i + 1) << 16;
        const uint tile = first_tile + t * tile_step;
        const uint to = (tile / PANEL * k_tiles + k) * PANEL + tile % PANEL;
        words[to * LANES + lane] = uvec4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
}
