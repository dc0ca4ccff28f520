// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// Which element each invocation holds: loads matrices of their own element numbers, which bf16 has
// exactly as well, and writes out what they hold: A, B and the accumulator, SLOTS an invocation.
layout(local_size_x_id = 1) in;
layout(constant_id = 0) const uint SIDE = 16;
layout(constant_id = 1) const uint LANES = 32;
layout(binding = 0) writeonly buffer Out { uint outs[]; };

const uint SLOTS = 16;

shared float16_t halves[SIDE * SIDE];
shared float floats[SIDE * SIDE];

void main()
{
    const uint n = SIDE * SIDE;
    for (uint i = gl_LocalInvocationIndex; i < n; i += LANES) {
        halves[i] = float16_t(float(i));
        floats[i] = float(i);
    }
    barrier();
    coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseA> a;
    coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseB> b;
    coopmat<float, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseAccumulator> c;
    coopMatLoad(a, halves, 0, SIDE, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(b, halves, 0, SIDE, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(c, floats, 0, SIDE, gl_CooperativeMatrixLayoutRowMajor);
    const uint at = gl_SubgroupInvocationID * SLOTS, use = LANES * SLOTS;
    for (uint i = 0; i < SLOTS; i++) {
        outs[at + i] = i < a.length() ? uint(float(a[i])) : ~0u;
        outs[use + at + i] = i < b.length() ? uint(float(b[i])) : ~0u;
        outs[2 * use + at + i] = i < c.length() ? uint(c[i]) : ~0u;
    }
}
