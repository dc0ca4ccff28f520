// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// out[t][r] (+)= x[t]·w[r] for processors that run an invocation per SIMD lane and have no shared
// memory of their own: an invocation makes 16 tokens x 2 rows in registers, its lanes lie along
// the rows, and x is read at addresses that are the same for the whole workgroup.
layout(local_size_x = 32) in;
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint out_first, out_stride, accumulate;
};

#include "common/weights.glsl"

#ifndef TM
#define TM 16
#endif
const uint TOKENS = TM;

void main()
{
    const uint row0 = gl_WorkGroupID.x * 64 + gl_LocalInvocationID.x, row1 = row0 + 32;
    const uint token0 = gl_WorkGroupID.y * TOKENS;
    const uint word0 = min(row0, n_rows - 1) * row_words, word1 = min(row1, n_rows - 1) * row_words;
    float sums0[TOKENS], sums1[TOKENS];
    for (uint i = 0; i < TOKENS; i++)
        sums0[i] = sums1[i] = 0.0;
    for (uint k = 0; k < cols; k += 4) {
        const vec4 w0 = weight4(word0, k, cols), w1 = weight4(word1, k, cols);
        for (uint i = 0; i < TOKENS; i++) {
            const vec4 x = x4[(min(token0 + i, n_tokens - 1) * cols + k) >> 2];
            sums0[i] += x.x * w0.x;
            sums1[i] += x.x * w1.x;
            sums0[i] += x.y * w0.y;
            sums1[i] += x.y * w1.y;
            sums0[i] += x.z * w0.z;
            sums1[i] += x.z * w1.z;
            sums0[i] += x.w * w0.w;
            sums1[i] += x.w * w1.w;
        }
    }
    for (uint i = 0; i < TOKENS; i++) {
        const uint at = (token0 + i) * out_stride + out_first;
        if (token0 + i < n_tokens && row0 < n_rows)
            outs[at + row0] = accumulate != 0 ? outs[at + row0] + sums0[i] : sums0[i];
        if (token0 + i < n_tokens && row1 < n_rows)
            outs[at + row1] = accumulate != 0 ? outs[at + row1] + sums1[i] : sums1[i];
    }
}
