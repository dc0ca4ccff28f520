// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
// The device's rate of fp16 products of cooperative matrices summed in fp32, with every operand in
// a register: TILES * TILES independent sums a subgroup, and a store that never happens but that the
// compiler must allow for. Define M, N and K of a product.
layout(local_size_x_id = 0) in;
layout(binding = 0) writeonly buffer Out { float outs[]; };
// [TILES][M][K], then [TILES][K][N], within 1.
layout(binding = 1) readonly buffer In { float16_t halves[]; };
layout(push_constant) uniform Push { uint rounds; };

#include "roof_tiles.h"
const uint TILES = ROOF_TILES(M, K); // of each operand

void main()
{
    coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[TILES];
    coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b[TILES];
    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[TILES * TILES];
    [[unroll]] for (uint i = 0; i < TILES; i++) {
        coopMatLoad(a[i], halves, i * M * K, K, gl_CooperativeMatrixLayoutRowMajor);
        coopMatLoad(b[i], halves, TILES * M * K + i * K * N, N, gl_CooperativeMatrixLayoutRowMajor);
    }
    [[unroll]] for (uint i = 0; i < TILES * TILES; i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    [[dont_unroll]] for (uint round = 0; round < rounds; round++) {
        [[unroll]] for (uint i = 0; i < TILES * TILES; i++)
            sums[i] = coopMatMulAdd(a[i / TILES], b[i % TILES], sums[i]);
    }
    [[unroll]] for (uint i = 1; i < TILES * TILES; i++)
        sums[0] += sums[i];
    float all = 0.0;
    [[unroll]] for (uint element = 0; element < 8; element++) // all of an invocation's
        all += sums[0][element];
    if (all == 1e30) // more than all rounds can sum up to
        outs[0] = all;
}
