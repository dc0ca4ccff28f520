// SPDX-License-Identifier: MIT
#version 450
#extension GL_KHR_shader_subgroup_arithmetic : require
// What rmsnorm.comp computes, a subgroup a row: for processors on which a barrier is dear.
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8; // the subgroup's size
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_rows, width;
    float eps;
    uint accumulate;
    uint n_heads, row_elements, first; // rows of a token, and where they lie
};

void main()
{
    for (uint row = gl_WorkGroupID.x; row < n_rows; row += gl_NumWorkGroups.x) {
        const uint at = row / n_heads * row_elements + first + row % n_heads * width;
        float sum = 0.0;
        for (uint i = gl_SubgroupInvocationID; i < width; i += LANES) {
            const float value = x[at + i];
            sum += value * value;
        }
        const float scale = 1.0 / sqrt(subgroupAdd(sum) / float(width) + eps);
        for (uint i = gl_SubgroupInvocationID; i < width; i += LANES)
            outs[at + i] = (accumulate != 0 ? outs[at + i] : 0.0) + x[at + i] * scale * weight[i];
    }
}
