// SPDX-License-Identifier: MIT
#version 450
// out[t][i] = silu(gate_up[t][i]) * gate_up[t][width + i]
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer GateUp { float gate_up[]; };
layout(binding = 1) writeonly buffer Out { float outs[]; };
layout(push_constant) uniform Push { uint n_tokens, width; };

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    if (i >= width)
        return;
    for (uint token = gl_WorkGroupID.y; token < n_tokens; token += gl_NumWorkGroups.y) {
        const float gate = gate_up[2 * token * width + i];
        const float up = gate_up[2 * token * width + width + i];
        // exp(-|g|) cannot overflow.
        const float e = exp(-abs(gate));
        const float sigmoid = (gate >= 0.0 ? 1.0 : e) / (1.0 + e);
        outs[token * width + i] = gate * sigmoid * up;
    }
}
