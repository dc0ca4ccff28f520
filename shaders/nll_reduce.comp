// SPDX-License-Identifier: MIT
#version 450
// nll[t] = log(sum exp) - target's logit, from the parts that head_nll left: each of SLICES
// invocations of a token takes every SLICESth, then one adds up what they have, in order.
const uint TOKENS = 16, SLICES = 8;
layout(local_size_x = TOKENS, local_size_y = SLICES) in;
layout(binding = 0) readonly buffer Scratch { float scratch[]; };
layout(binding = 0) readonly buffer ScratchPairs { vec2 scratch_pairs[]; };
layout(binding = 1) readonly buffer Targets { int targets[]; };
layout(binding = 2) writeonly buffer Nll { float nll[]; };
layout(push_constant) uniform Push { uint n_tokens, n_parts; };

shared vec2 slices[SLICES][TOKENS]; // maximum, sum of exp(part - maximum)

void take_slice(uint token)
{
    vec2 slice = vec2(-3.402823466e38, 0.0);
    for (uint i = gl_LocalInvocationID.y; i < n_parts; i += SLICES)
        slice.x = max(slice.x, scratch_pairs[token + i * n_tokens].x);
    for (uint i = gl_LocalInvocationID.y; i < n_parts; i += SLICES) {
        const vec2 part = scratch_pairs[token + i * n_tokens];
        slice.y += part.y * exp(part.x - slice.x);
    }
    slices[gl_LocalInvocationID.y][gl_LocalInvocationID.x] = slice;
}

void main()
{
    const uint token = gl_GlobalInvocationID.x, at = gl_LocalInvocationID.x;
    const bool is_scored = token < n_tokens && targets[min(token, n_tokens - 1)] >= 0;
    if (is_scored)
        take_slice(token);
    barrier();
    if (gl_LocalInvocationID.y != 0 || token >= n_tokens)
        return;
    if (!is_scored) {
        nll[token] = 0.0;
        return;
    }
    float highest = slices[0][at].x, sum = 0.0;
    for (uint i = 1; i < SLICES; i++)
        highest = max(highest, slices[i][at].x);
    for (uint i = 0; i < SLICES; i++)
        sum += slices[i][at].y * exp(slices[i][at].x - highest);
    nll[token] = highest - scratch[2 * n_parts * n_tokens + token] + log(sum);
}
