// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
// What head_nll.comp computes, for 128 tokens and a part of the vocabulary. Needs subgroups of at
// least 16 invocations, whole rows of the workgroup.
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) readonly buffer Targets { int targets[]; };
layout(binding = 3) writeonly buffer Scratch { float scratch[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint first_row, first_part, n_parts; // of the bound rows; parts of the whole vocabulary
    float cap; // of the logits; 0: none
};

#include "common/soft_cap.glsl"
#include "common/wide_tile.glsl"

const uint PART = 512;
const float LOWEST = -3.402823466e38;

vec2 merge(vec2 a, vec2 b)
{
    const float m = max(a.x, b.x);
    return vec2(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));
}

// Takes eight logits of one token into (maximum, sum).
vec2 take(vec2 state, uint token, uint row0, vec4 logits[2])
{
    const uint target = token < n_tokens ? uint(targets[token]) - first_row : ~0u;
    if (cap > 0.0)
        for (uint j = 0; j < 2; j++)
            for (uint c = 0; c < 4; c++)
                logits[j][c] = soft_cap(logits[j][c], cap);
    float most = state.x;
    for (uint j = 0; j < 2; j++)
        for (uint c = 0; c < 4; c++)
            most = row_of(row0, j, c) < n_rows ? max(most, logits[j][c]) : most;
    float sum = state.y * exp(state.x - most);
    for (uint j = 0; j < 2; j++) {
        for (uint c = 0; c < 4; c++) {
            const uint row = row_of(row0, j, c);
            sum += row < n_rows ? exp(logits[j][c] - most) : 0.0;
            if (row == target && row < n_rows)
                scratch[2 * n_parts * n_tokens + token] = logits[j][c];
        }
    }
    return vec2(most, sum);
}

void main()
{
    const uint token0 = gl_WorkGroupID.y * TILE, begin = gl_WorkGroupID.x * PART;
    vec2 state[8];
    for (uint i = 0; i < 8; i++)
        state[i] = vec2(LOWEST, 0);
    for (uint row0 = begin; row0 < min(begin + PART, n_rows); row0 += TILE) {
        vec4 logits[8][2];
        multiply_tile(token0, row0, logits);
        for (uint i = 0; i < 8; i++)
            state[i] = take(state[i], token_of(token0, i), row0, logits[i]);
    }
    for (uint i = 0; i < 8; i++) {
        for (uint step = 1; step < 16; step *= 2)
            state[i] = merge(state[i], subgroupShuffleXor(state[i], step));
        const uint token = token_of(token0, i);
        if (token < n_tokens && lane_x() == 0) {
            const uint at = 2 * ((first_part + gl_WorkGroupID.x) * n_tokens + token);
            scratch[at] = state[i].x;
            scratch[at + 1] = state[i].y;
        }
    }
}
