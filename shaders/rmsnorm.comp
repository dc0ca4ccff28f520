// SPDX-License-Identifier: MIT
#version 450
// out[t] (+)= x[t] / sqrt(mean(x[t]^2) + eps) * weight; a workgroup takes a row at a time and sums
// in a tree of fixed order.
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 2) buffer Out { float outs[]; };
layout(push_constant) uniform Push {
    uint n_rows, width;
    float eps;
    uint accumulate;
    uint n_heads, row_elements, first; // rows of a token, and where they lie
};

shared float sums[128];

void main()
{
    const uint lane = gl_LocalInvocationID.x;
    for (uint row = gl_WorkGroupID.x; row < n_rows; row += gl_NumWorkGroups.x) {
        const uint at = row / n_heads * row_elements + first + row % n_heads * width;
        float sum = 0.0;
        for (uint i = lane; i < width; i += 128) {
            const float value = x[at + i];
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
            outs[at + i] = (accumulate != 0 ? outs[at + i] : 0.0) + x[at + i] * scale * weight[i];
    }
}
