// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_ballot : require
// out[t][r] (+)= x[t]·w[r], a subgroup a tile.
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint out_first, out_stride, accumulate;
};

#include "common/lanes.glsl"

void main()
{
    const uint row0 = gl_WorkGroupID.x * ROWS * LANES, token0 = gl_WorkGroupID.y * TOKENS;
    float sums[TOKENS][ROWS];
    multiply_tile(token0, row0, sums);
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint row = lane_row(row0, r);
            if (token0 + t < n_tokens && row < n_rows) {
                const uint at = (token0 + t) * out_stride + out_first + row;
                outs[at] = accumulate != 0 ? outs[at] + sums[t][r] : sums[t][r];
            }
        }
    }
}
