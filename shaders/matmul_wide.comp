// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// out[t][r] (+)= x[t]·w[r], a workgroup a tile.
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint out_first, out_stride, accumulate;
};

#include "common/wide_tile.glsl"

void main()
{
    const uint row0 = gl_WorkGroupID.x * TILE, token0 = gl_WorkGroupID.y * TILE;
    vec4 sums[8][2];
    multiply_tile(token0, row0, sums);
    for (uint i = 0; i < 8; i++) {
        const uint token = token_of(token0, i);
        for (uint j = 0; j < 2; j++) {
            for (uint c = 0; c < 4; c++) {
                const uint row = row_of(row0, j, c);
                if (token < n_tokens && row < n_rows) {
                    const uint at = token * out_stride + out_first + row;
                    outs[at] = accumulate != 0 ? outs[at] + sums[i][j][c] : sums[i][j][c];
                }
            }
        }
    }
}
