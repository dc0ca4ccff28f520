// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_arithmetic : require
// What rmsnorm.comp computes, as a left operand: a workgroup takes SIDE tokens, 8 subgroups first
// their squares, then their tiles.
layout(local_size_x_id = 4) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 2) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint n_tokens, width;
    float eps;
};

#include "common/matrix.glsl"

const uint SUBGROUPS = 8;
shared float scales[16];

void measure(uint token0)
{
    for (uint row = gl_SubgroupID; row < SIDE; row += SUBGROUPS) {
        const uint token = min(token0 + row, n_tokens - 1);
        float sum = 0.0;
        for (uint i = gl_SubgroupInvocationID; i < width; i += LANES) {
            const float value = x[token * width + i];
            sum += value * value;
        }
        sum = subgroupAdd(sum);
        if (gl_SubgroupInvocationID == 0)
            scales[row] = 1.0 / sqrt(sum / float(width) + eps);
    }
}

float normed(uint token0, uint k0, uint place)
{
    const uint element = element_at(LAYOUT_A, place), row = element / SIDE;
    const uint token = min(token0 + row, n_tokens - 1), k = k0 + element % SIDE;
    return x[token * width + k] * scales[row] * weight[k];
}

void main()
{
    const uint row_tile = gl_WorkGroupID.x, token0 = row_tile * SIDE, k_tiles = width / SIDE;
    measure(token0);
    barrier();
    for (uint k = gl_SubgroupID; k < k_tiles; k += SUBGROUPS) {
        uint pairs[4];
        [[unroll]] for (uint i = 0; i < 4; i++) {
            const uint place = gl_SubgroupInvocationID * 8 + 2 * i;
            pairs[i] = half_pair(normed(token0, k * SIDE, place), normed(token0, k * SIDE, place + 1));
        }
        const uint tile = (row_tile / PANEL * k_tiles + k) * PANEL + row_tile % PANEL;
        out_words[tile * LANES + gl_SubgroupInvocationID] =
            uvec4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
}
