// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// What shaders/matrix/product.glsl would find in shared memory, were it a product on matrices of side
// 16 with a workgroup a panel wide: written out step by step, in panels.
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint LAYOUT_B = 0;
layout(constant_id = 1) const uint BLOCK_FORMAT = 0;
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
layout(binding = 0) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint k_tiles;
};

const uint SIDE = 16, LANES = 32, PANEL = 8, TILES = 4, STEP = 4, INVOCATIONS = 256, W_AHEAD = 2;
shared uvec4 w_shared[2][STEP * PANEL * LANES];
uint w_block;

#include "matrix/w_blocks.glsl"

// Of words that are this invocation's own.
void write_step(uint turn, uint step_)
{
    for (uint i = 0; i < TILES; i++) {
        const uint place = i * INVOCATIONS + gl_LocalInvocationIndex;
        out_words[(w_block * k_tiles + step_ * STEP) * PANEL * LANES + place] =
            w_shared[turn][place];
    }
}

void main()
{
    w_block = gl_WorkGroupID.x;
    place_w();
    begin_w();
    for (uint step_ = 0; step_ * STEP < k_tiles; step_ += 2) {
        for (uint turn = 0; turn < 2 && (step_ + turn) * STEP < k_tiles; turn++) {
            write_step(turn, step_ + turn);
            for (uint k = 0; k + 1 < STEP; k++)
                bring_w(turn, k);
        }
        advance_w();
    }
}
