// SPDX-License-Identifier: MIT
#version 450
#extension GL_EXT_bfloat16 : require
#extension GL_EXT_shader_16bit_storage : require
layout(local_size_x = 32) in;
layout(binding = 0) buffer Data { bfloat16_t data[]; };

void main()
{
    data[gl_LocalInvocationID.x + 32] = bfloat16_t(2.0 * float(data[gl_LocalInvocationID.x]));
}
