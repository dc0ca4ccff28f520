// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// What shaders/matrix/product.glsl, or with MATRIX_TRANSPOSED product_transposed.glsl, would find in
// shared memory, were it a product on matrices of side 16 with a workgroup a panel wide: written out
// step by step, in panels.
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint LAYOUT_B = 0;
layout(constant_id = 1) const uint BLOCK_FORMAT = 0;
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
layout(binding = 0) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint k_tiles;
};

const uint SIDE = 16, LANES = 32, PANEL = 8, INVOCATIONS = 256;
#ifdef MATRIX_TRANSPOSED
const uint STEP = 2, TURN_TILES = 4, W_SHARES = 1, ROWS_OF_WORD = 1;
#else
const uint STEP = 4, TURN_TILES = 8, W_SHARES = 3, ROWS_OF_WORD = 2;
#endif
shared uvec4 w_shared[2][STEP * PANEL * LANES];
uint w_block;

#include "matrix/w_blocks.glsl"

// Of words that are this invocation's own.
void write_step(uint turn, uint step_)
{
    for (uint i = 0; i < STEP; i++) {
        const uint place = i * INVOCATIONS + gl_LocalInvocationIndex;
        out_words[(w_block * k_tiles + step_ * STEP) * PANEL * LANES + place] =
            w_shared[turn % 2][place];
    }
}

void main()
{
    w_block = gl_WorkGroupID.x;
    place_w();
    begin_w();
    const uint turns = TURN_TILES / STEP;
    for (uint step_ = 0; step_ * STEP < k_tiles; step_ += turns) {
        for (uint turn = 0; turn < turns && (step_ + turn) * STEP < k_tiles; turn++) {
            write_step(turn, step_ + turn);
            for (uint k = 0; k < W_SHARES; k++)
                bring_w(turn, k);
        }
        advance_w();
    }
}
