// SPDX-License-Identifier: MIT
#version 450
// The device's rate of copying memory, 16 bytes at a time.
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer From { uvec4 from[]; };
layout(binding = 1) writeonly buffer To { uvec4 to[]; };
layout(push_constant) uniform Push { uint n; };

void main()
{
    const uint step = gl_NumWorkGroups.x * 64;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += step)
        to[i] = from[i];
}
