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
    vec4 sums[TOKENS][ROWS / 4];
    multiply_tile(token0, row0, sums);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint row = lane_row(row0, r);
        if (row >= n_rows)
            continue;
        // The last token in place of those beyond it, as a branch for each takes drivers long to
        // compile: all are read before one is written.
        float before[TOKENS];
        [[unroll]] for (uint t = 0; t < TOKENS; t++)
            before[t] = outs[min(token0 + t, n_tokens - 1) * out_stride + out_first + row];
        [[unroll]] for (uint t = 0; t < TOKENS; t++) {
            const uint at = min(token0 + t, n_tokens - 1) * out_stride + out_first + row;
            const float sum = sums[t][r / 4][r % 4], more = before[t] + sum;
            outs[at] = accumulate != 0 ? more : sum;
        }
    }
}
