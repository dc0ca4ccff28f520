// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// Which element each invocation holds: loads matrices of their own element numbers, which bf16 has
// exactly as well, and writes out what they hold: A (M x K), B (K x N) and the accumulator (M x N),
// SLOTS an invocation.
layout(local_size_x_id = 3) in;
layout(constant_id = 0) const uint M = 16;
layout(constant_id = 1) const uint N = 16;
layout(constant_id = 2) const uint K = 16;
layout(constant_id = 3) const uint LANES = 32;
layout(binding = 0) writeonly buffer Out { uint outs[]; };

const uint SLOTS = 16, MOST = 16 * 16; // elements

shared float16_t halves[MOST];
shared float floats[MOST];

void main()
{
    for (uint i = gl_LocalInvocationIndex; i < MOST; i += LANES) {
        halves[i] = float16_t(float(i));
        floats[i] = float(i);
    }
    barrier();
    coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a;
    coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> c;
    coopMatLoad(a, halves, 0, K, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(b, halves, 0, N, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(c, floats, 0, N, gl_CooperativeMatrixLayoutRowMajor);
    const uint at = gl_SubgroupInvocationID * SLOTS, use = LANES * SLOTS;
    for (uint i = 0; i < SLOTS; i++) {
        outs[at + i] = i < a.length() ? uint(float(a[i])) : ~0u;
        outs[use + at + i] = i < b.length() ? uint(float(b[i])) : ~0u;
        outs[2 * use + at + i] = i < c.length() ? uint(c[i]) : ~0u;
    }
}
