// SPDX-License-Identifier: MIT
#version 450
// out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * weight; a workgroup takes a token at a time and sums
// in a tree of fixed order.
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 2) writeonly buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_tokens, width;
    float eps;
};

shared float sums[128];

void main()
{
    const uint lane = gl_LocalInvocationID.x;
    for (uint token = gl_WorkGroupID.x; token < n_tokens; token += gl_NumWorkGroups.x) {
        float sum = 0.0;
        for (uint i = lane; i < width; i += 128) {
            const float value = x[token * width + i];
            sum += value * value;
        }
        sums[lane] = sum;
        barrier();
        for (uint half_size = 64; half_size > 0; half_size /= 2) {
            if (lane < half_size)
                sums[lane] += sums[lane + half_size];
            barrier();
        }
        const float scale = 1.0 / sqrt(sums[0] / float(width) + eps);
        barrier();
        for (uint i = lane; i < width; i += 128)
            outs[token * width + i] = x[token * width + i] * scale * weight[i];
    }
}
