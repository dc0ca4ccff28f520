// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// out[t][r] (+)= x[t]·w[r]. A workgroup makes 64 tokens x 64 rows from tiles of 16 columns in
// shared memory; an invocation makes 8 x 4 of it.
layout(local_size_x = 16, local_size_y = 8) in;
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint out_first, out_stride, accumulate;
};

#include "common/weights.glsl"

const uint TOKENS = 64, ROWS = 64, COLS = 16;
shared vec4 xs[COLS][TOKENS / 4];
shared vec4 ws[COLS][ROWS / 4];

void load_tiles(uint token0, uint row0, uint k0)
{
    for (uint i = gl_LocalInvocationIndex; i < TOKENS * COLS / 4; i += 128) {
        const uint line = i >> 2, k = k0 + 4 * (i & 3), at = 4 * (i & 3);
        const uint token = token0 + line, row = row0 + line;
        const bool inside = k < cols;
        const vec4 a = inside && token < n_tokens ? x4[(token * cols + k) >> 2] : vec4(0);
        const vec4 b = inside && row < n_rows ? weight4(row * row_words, k, cols) : vec4(0);
        for (uint j = 0; j < 4; j++) {
            xs[at + j][line >> 2][line & 3] = a[j];
            ws[at + j][line >> 2][line & 3] = b[j];
        }
    }
}

void main()
{
    const uint row0 = gl_WorkGroupID.x * ROWS, token0 = gl_WorkGroupID.y * TOKENS;
    vec4 sums[8];
    for (uint i = 0; i < 8; i++)
        sums[i] = vec4(0);
    for (uint k0 = 0; k0 < cols; k0 += COLS) {
        load_tiles(token0, row0, k0);
        barrier();
        for (uint k = 0; k < COLS; k++) {
            const vec4 a = xs[k][2 * gl_LocalInvocationID.y];
            const vec4 b = xs[k][2 * gl_LocalInvocationID.y + 1];
            const vec4 w = ws[k][gl_LocalInvocationID.x];
            for (uint i = 0; i < 4; i++) {
                sums[i] += a[i] * w;
                sums[4 + i] += b[i] * w;
            }
        }
        barrier();
    }
    const uint row = row0 + 4 * gl_LocalInvocationID.x;
    for (uint i = 0; i < 8; i++) {
        const uint token = token0 + 8 * gl_LocalInvocationID.y + i;
        for (uint j = 0; j < 4; j++) {
            if (token < n_tokens && row + j < n_rows) {
                const uint at = token * out_stride + out_first + row + j;
                outs[at] = accumulate != 0 ? outs[at] + sums[i][j] : sums[i][j];
            }
        }
    }
}
