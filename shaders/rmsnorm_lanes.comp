// SPDX-License-Identifier: MIT
#version 450
#extension GL_KHR_shader_subgroup_arithmetic : require
// What rmsnorm.comp computes, a subgroup a token: for processors on which a barrier is dear.
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8; // the subgroup's size
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 2) writeonly buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, width;
    float eps;
};

void main()
{
    for (uint token = gl_WorkGroupID.x; token < n_tokens; token += gl_NumWorkGroups.x) {
        float sum = 0.0;
        for (uint i = gl_SubgroupInvocationID; i < width; i += LANES) {
            const float value = x[token * width + i];
            sum += value * value;
        }
        const float scale = 1.0 / sqrt(subgroupAdd(sum) / float(width) + eps);
        for (uint i = gl_SubgroupInvocationID; i < width; i += LANES)
            outs[token * width + i] = x[token * width + i] * scale * weight[i];
    }
}
