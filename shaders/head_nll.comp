// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// For 64 tokens and a part of 512 rows of the vocabulary: each token's largest logit, the sum of
// exponentials relative to it, and the target's logit if it is among the rows.
layout(local_size_x = 16, local_size_y = 8) in;
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
#include "common/tile.glsl"

const uint PART = 512;
const float LOWEST = -3.402823466e38;

shared vec2 reduced[16][TILE]; // per invocation column and token: maximum, sum

vec2 merge(vec2 a, vec2 b)
{
    const float m = max(a.x, b.x);
    return vec2(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));
}

void main()
{
    const uint token0 = gl_WorkGroupID.y * TILE, begin = gl_WorkGroupID.x * PART;
    vec2 state[8];
    for (uint i = 0; i < 8; i++)
        state[i] = vec2(LOWEST, 0);
    for (uint row0 = begin; row0 < min(begin + PART, n_rows); row0 += TILE) {
        vec4 logits[8];
        multiply_tile(token0, row0, logits);
        const uint row = row0 + 4 * gl_LocalInvocationID.x;
        for (uint i = 0; i < 8; i++) {
            const uint token = token0 + 8 * gl_LocalInvocationID.y + i;
            const uint target = token < n_tokens ? uint(targets[token]) - first_row : ~0u;
            for (uint j = 0; j < 4; j++) {
                if (row + j >= n_rows)
                    continue;
                const float logit = cap > 0.0 ? soft_cap(logits[i][j], cap) : logits[i][j];
                state[i] = merge(state[i], vec2(logit, 1));
                if (row + j == target)
                    scratch[2 * n_parts * n_tokens + token] = logit;
            }
        }
    }
    for (uint i = 0; i < 8; i++)
        reduced[gl_LocalInvocationID.x][8 * gl_LocalInvocationID.y + i] = state[i];
    barrier();
    const uint line = gl_LocalInvocationIndex, token = token0 + line;
    if (line >= TILE || token >= n_tokens)
        return;
    vec2 total = reduced[0][line];
    for (uint i = 1; i < 16; i++)
        total = merge(total, reduced[i][line]);
    const uint at = 2 * ((first_part + gl_WorkGroupID.x) * n_tokens + token);
    scratch[at] = total.x;
    scratch[at + 1] = total.y;
}
