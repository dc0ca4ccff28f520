// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
// What head_nll.comp computes, by one subgroup for 16 tokens and a part of the vocabulary.
layout(binding = 0) readonly buffer X { vec4 x4[]; };
layout(binding = 1) readonly buffer W { uint weight_words[]; };
layout(binding = 2) readonly buffer Targets { int targets[]; };
layout(binding = 3) writeonly buffer Scratch { float scratch[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows, cols, row_words;
    uint first_row, first_part, n_parts; // of the bound rows; parts of the whole vocabulary
    float cap; // of the logits; 0: none
};

#include "common/lanes.glsl"
#include "common/soft_cap.glsl"

const uint PART = 512;
const float LOWEST = -3.402823466e38;

float highest[TOKENS], total[TOKENS];

// Takes in a tile of logits. A lane without a row of the vocabulary counts LOWEST, which the first
// real logit, its own or another lane's, scales to nothing. A loop, as drivers take long to compile
// what it does 16 times over.
void take(uint token0, uint row0, vec4 sums[TOKENS][ROWS / 4])
{
    [[dont_unroll]] for (uint t = 0; t < TOKENS; t++) {
        const uint token = token0 + t;
        const uint target = token < n_tokens ? uint(targets[token]) - first_row : ~0u;
        float logits[ROWS], most = highest[t], wanted = 0.0;
        bool is_here = false;
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint row = lane_row(row0, r);
            const float sum = sums[t][r / 4][r % 4];
            const float logit = cap > 0.0 ? soft_cap(sum, cap) : sum;
            logits[r] = row < n_rows ? logit : LOWEST;
            most = max(most, logits[r]);
            wanted = row == target ? logits[r] : wanted;
            is_here = is_here || row == target;
        }
        total[t] *= exp(highest[t] - most);
        highest[t] = most;
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            total[t] += exp(logits[r] - most);
        if (is_here && target < n_rows)
            scratch[2 * n_parts * n_tokens + token] = wanted;
    }
}

void main()
{
    const uint token0 = gl_WorkGroupID.y * TOKENS, begin = gl_WorkGroupID.x * PART;
    [[dont_unroll]] for (uint t = 0; t < TOKENS; t++) {
        highest[t] = LOWEST;
        total[t] = 0.0;
    }
    for (uint row0 = begin; row0 < min(begin + PART, n_rows); row0 += ROWS * LANES) {
        vec4 sums[TOKENS][ROWS / 4];
        multiply_tile(token0, row0, sums);
        take(token0, row0, sums);
    }
    [[dont_unroll]] for (uint t = 0; t < TOKENS; t++) {
        const float most = subgroupMax(highest[t]);
        const float sum = subgroupAdd(total[t] * exp(highest[t] - most));
        if (token0 + t < n_tokens && gl_SubgroupInvocationID == 0) {
            const uint at = 2 * ((first_part + gl_WorkGroupID.x) * n_tokens + token0 + t);
            scratch[at] = most;
            scratch[at + 1] = sum;
        }
    }
}
