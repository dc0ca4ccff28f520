// SPDX-License-Identifier: MIT
#version 450
// out[t][i] = act(gate_up[t][i]) * gate_up[t][width + i]
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint GELU = 0; // in its tanh form; else silu
layout(binding = 0) readonly buffer GateUp { float gate_up[]; };
layout(binding = 1) writeonly buffer Out { float outs[]; };
layout(push_constant) uniform Push { uint n_tokens, width; };

float act(float x)
{
    // gelu(x) = x (1 + tanh(u)) / 2 = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
    const float z = GELU != 0 ? 1.5957691216057308 * x * (1.0 + 0.044715 * x * x) : x;
    // exp(-|z|) cannot overflow.
    const float e = exp(-abs(z));
    return x * (z >= 0.0 ? 1.0 : e) / (1.0 + e);
}

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    if (i >= width)
        return;
    for (uint token = gl_WorkGroupID.y; token < n_tokens; token += gl_NumWorkGroups.y) {
        const float gate = gate_up[2 * token * width + i];
        const float up = gate_up[2 * token * width + width + i];
        outs[token * width + i] = act(gate) * up;
    }
}
