// SPDX-License-Identifier: MIT
#version 450
// Tests of the gpu room: out[i] = a * in[i] + b.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint b = 0;
layout(binding = 0) readonly buffer In { uint data_in[]; };
layout(binding = 1) writeonly buffer Out { uint data_out[]; };
layout(push_constant) uniform Push { uint n, a; };

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    if (i < n)
        data_out[i] = a * data_in[i] + b;
}
