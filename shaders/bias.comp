// SPDX-License-Identifier: MIT
#version 450
// x[t][i] += bias[i]
layout(local_size_x = 64) in;
layout(binding = 0) buffer X { float x[]; };
layout(binding = 1) readonly buffer Bias { float bias[]; };
layout(push_constant) uniform Push { uint n_tokens, width; };

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    if (i >= width)
        return;
    for (uint token = gl_WorkGroupID.y; token < n_tokens; token += gl_NumWorkGroups.y)
        x[token * width + i] += bias[i];
}
