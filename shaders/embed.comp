// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// out[t] = scale * table[ids[t]] for the ids in one slice of the table. A workgroup copies 512 columns of
// one token after another.
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer Ids { uint ids[]; };
layout(binding = 1) readonly buffer Table { uint weight_words[]; };
layout(binding = 2) writeonly buffer Out { vec4 out4[]; };
layout(push_constant) uniform Push {
    uint n_tokens, first_row, n_rows, cols, row_words;
    float scale;
};

#include "common/weights.glsl"

void main()
{
    const uint k = 4 * gl_GlobalInvocationID.x;
    if (k >= cols)
        return;
    for (uint token = gl_WorkGroupID.y; token < n_tokens; token += gl_NumWorkGroups.y) {
        const uint row = ids[token] - first_row;
        if (row < n_rows)
            out4[(token * cols + k) >> 2] = scale * weight4(row * row_words, k, cols);
    }
}
