// SPDX-License-Identifier: MIT
#version 450
// nll[t] = log(sum exp) - target's logit, from the parts that head_nll left, in order.
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer Scratch { float scratch[]; };
layout(binding = 1) readonly buffer Targets { int targets[]; };
layout(binding = 2) writeonly buffer Nll { float nll[]; };
layout(push_constant) uniform Push { uint n_tokens, n_parts; };

void main()
{
    const uint token = gl_GlobalInvocationID.x;
    if (token >= n_tokens)
        return;
    if (targets[token] < 0) {
        nll[token] = 0.0;
        return;
    }
    const uint base = 2 * token, stride = 2 * n_tokens;
    float highest = scratch[base];
    for (uint i = 1; i < n_parts; i++)
        highest = max(highest, scratch[base + i * stride]);
    float sum = 0.0;
    for (uint i = 0; i < n_parts; i++)
        sum += scratch[base + i * stride + 1] * exp(scratch[base + i * stride] - highest);
    nll[token] = highest - scratch[2 * n_parts * n_tokens + token] + log(sum);
}
