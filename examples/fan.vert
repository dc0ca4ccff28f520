// SPDX-License-Identifier: MIT
#version 450
// A token is a line from the centre to where its vector points.
layout(location = 0) in vec2 direction;
void main()
{
    const vec2 end = gl_VertexIndex == 0 ? vec2(0) : 0.9 * direction;
    gl_Position = vec4(end, 0, 1);
}
