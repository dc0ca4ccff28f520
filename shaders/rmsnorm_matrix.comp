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
// What rmsnorm.comp computes, as a left operand: a workgroup takes SIDE tokens, its subgroups first
// their squares, then their tiles.
layout(local_size_x_id = 4) in;
layout(constant_id = 5) const uint BFLOAT = 0; // what the operand is made of, else halves
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer XQuads { vec4 x_quads[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 1) readonly buffer WeightQuads { vec4 weight_quads[]; };
layout(binding = 2) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint n_tokens, width;
    float eps;
};

#include "common/bfloat.glsl"
#include "common/matrix.glsl"

// Halves 4i to 4i + 3 of a tile are neighbours of a row.
const bool HAS_QUADS = (LAYOUT_A & 0xffu) == 0x10u;
const uint BATCH = 4; // tiles of a subgroup, read before any is written

shared float scales[16];

void measure(uint token0)
{
    const uint quads = width / 4;
    for (uint row = gl_SubgroupID; row < SIDE; row += gl_NumSubgroups) {
        const uint first = min(token0 + row, n_tokens - 1) * quads;
        vec4 sums = vec4(0.0);
        for (uint i = gl_SubgroupInvocationID; i < quads; i += LANES) {
            const vec4 values = x_quads[first + i];
            sums += values * values;
        }
        const float sum = subgroupAdd(sums.x + sums.y + sums.z + sums.w);
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

// Places `place` to place + 3.
vec4 normed_quad(uint token0, uint k0, uint place)
{
    if (!HAS_QUADS)
        return vec4(normed(token0, k0, place), normed(token0, k0, place + 1),
                    normed(token0, k0, place + 2), normed(token0, k0, place + 3));
    const uint element = element_at(LAYOUT_A, place), row = element / SIDE;
    const uint token = min(token0 + row, n_tokens - 1), k = k0 + element % SIDE;
    return x_quads[(token * width + k) / 4] * scales[row] * weight_quads[k / 4];
}

uvec2 operands(vec4 v)
{
    return BFLOAT != 0u ? uvec2(bfloat_pair(v.x, v.y), bfloat_pair(v.z, v.w))
                        : uvec2(half_pair(v.x, v.y), half_pair(v.z, v.w));
}

void main()
{
    const uint row_tile = gl_WorkGroupID.x, token0 = row_tile * SIDE, k_tiles = width / SIDE;
    const uint place = gl_SubgroupInvocationID * 8;
    measure(token0);
    barrier();
    for (uint first = gl_SubgroupID * BATCH; first < k_tiles; first += gl_NumSubgroups * BATCH) {
        vec4 quads[BATCH][2];
        [[unroll]] for (uint i = 0; i < BATCH; i++) {
            const uint k = min(first + i, k_tiles - 1);
            quads[i][0] = normed_quad(token0, k * SIDE, place);
            quads[i][1] = normed_quad(token0, k * SIDE, place + 4);
        }
        [[unroll]] for (uint i = 0; i < BATCH; i++) {
            const uint k = first + i, tile = (row_tile / PANEL * k_tiles + k) * PANEL + row_tile % PANEL;
            if (k < k_tiles)
                out_words[tile * LANES + gl_SubgroupInvocationID] =
                    uvec4(operands(quads[i][0]), operands(quads[i][1]));
        }
    }
}
