// SPDX-License-Identifier: MIT
#version 450
#extension GL_EXT_control_flow_attributes : require
// The device's rate of fp32 multiply-adds with every operand in a register: 32 sums an invocation,
// none of which grows, and a store that never happens but that the compiler must allow for.
layout(local_size_x = 64) in;
layout(binding = 0) writeonly buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint rounds;
    float factor, addend; // 0 < factor < 1
};

const uint SUMS = 8, STEPS = 8;

void main()
{
    vec4 sums[SUMS];
    [[unroll]] for (uint i = 0; i < SUMS; i++)
        sums[i] = vec4(gl_GlobalInvocationID.x, i, 0, 1);
    const vec4 a = vec4(factor), b = vec4(addend);
    for (uint round = 0; round < rounds; round++) {
        [[unroll]] for (uint step = 0; step < STEPS; step++)
            [[unroll]] for (uint i = 0; i < SUMS; i++)
                sums[i] = sums[i] * a + b;
    }
    vec4 all = vec4(0);
    [[unroll]] for (uint i = 0; i < SUMS; i++)
        all += sums[i];
    if (all.x + all.y + all.z + all.w == -1.0)
        outs[0] = all.x;
}
