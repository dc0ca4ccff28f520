// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// A workgroup a token: of the softmaxes P and Q of two rows of logits, KL(P||Q) in nats, and
// whether their most probable tokens differ. The divergence is the sum of p (exp(d) - 1 - d), d =
// log q - log p, which is that of p log(p / q) since p and q both sum to 1: no term is negative, so
// that nothing cancels, and an error of a logarithm of the sums counts by its square.
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer P { vec4 p_logits[]; };
layout(binding = 1) readonly buffer Q { vec4 q_logits[]; };
layout(binding = 2) readonly buffer Targets { int targets[]; };
layout(binding = 3) writeonly buffer Out { uvec2 outs[]; }; // divergence, 1 where the tops differ
layout(push_constant) uniform Push {
    uint vocab, stride; // stride a multiple of 4
    float p_cap, q_cap; // of the logits; 0: none
};

#include "common/soft_cap.glsl"

const uint INVOCATIONS = 128;
const float LOWEST = -3.402823466e38;

// Of some logits: the highest, the first that is, and the sum of exponentials relative to it.
struct State {
    float most, sum;
    uint top;
};

shared State p_states[INVOCATIONS], q_states[INVOCATIONS];
shared float terms[INVOCATIONS];

// Logits i to i + 3; past the vocabulary LOWEST, which any real one, another invocation's maybe,
// scales to nothing.
vec4 prepare(vec4 logits, float cap, uint i)
{
    for (uint j = 0; j < 4; j++) {
        if (cap > 0.0)
            logits[j] = soft_cap(logits[j], cap);
        logits[j] = i + j < vocab ? logits[j] : LOWEST;
    }
    return logits;
}

State take(State state, vec4 logits, uint i)
{
    State next = state;
    for (uint j = 0; j < 4; j++) {
        next.top = logits[j] > next.most ? i + j : next.top;
        next.most = max(next.most, logits[j]);
    }
    const vec4 exponentials = exp(logits - next.most);
    next.sum = state.sum * exp(state.most - next.most) + dot(exponentials, vec4(1));
    return next;
}

State merge(State a, State b)
{
    const bool first = a.most > b.most || a.most == b.most && a.top < b.top;
    const float most = max(a.most, b.most);
    const float sum = a.sum * exp(a.most - most) + b.sum * exp(b.most - most);
    return State(most, sum, first ? a.top : b.top);
}

void find_states(uint at)
{
    const uint own = gl_LocalInvocationIndex;
    State p = State(LOWEST, 0.0, ~0u), q = p;
    for (uint i = 4 * own; i < vocab; i += 4 * INVOCATIONS) {
        p = take(p, prepare(p_logits[(at + i) / 4], p_cap, i), i);
        q = take(q, prepare(q_logits[(at + i) / 4], q_cap, i), i);
    }
    p_states[own] = p;
    q_states[own] = q;
    barrier();
    for (uint rest = INVOCATIONS / 2; rest > 0; rest /= 2) {
        if (own < rest) {
            p_states[own] = merge(p_states[own], p_states[own + rest]);
            q_states[own] = merge(q_states[own], q_states[own + rest]);
        }
        barrier();
    }
}

// p (exp(d) - 1 - d) from log p and log q.
float term(float log_p, float log_q)
{
    const float d = log_q - log_p, p = exp(log_p);
    // The next term is below 4e-8 of the value.
    float series = 1.0;
    for (uint n = 8; n > 2; n--)
        series = 1.0 + d / float(n) * series;
    return abs(d) < 0.5 ? p * (0.5 * d * d * series) : exp(log_q) - p - p * d;
}

float sum_terms(uint at)
{
    const uint own = gl_LocalInvocationIndex;
    const State p = p_states[0], q = q_states[0];
    const float log_p_sum = log(p.sum), log_q_sum = log(q.sum);
    float sum = 0.0;
    for (uint i = 4 * own; i < vocab; i += 4 * INVOCATIONS) {
        const vec4 log_p = prepare(p_logits[(at + i) / 4], p_cap, i) - p.most - log_p_sum;
        const vec4 log_q = prepare(q_logits[(at + i) / 4], q_cap, i) - q.most - log_q_sum;
        for (uint j = 0; j < 4; j++)
            sum += i + j < vocab ? term(log_p[j], log_q[j]) : 0.0;
    }
    terms[own] = sum;
    barrier();
    for (uint rest = INVOCATIONS / 2; rest > 0; rest /= 2) {
        if (own < rest)
            terms[own] += terms[own + rest];
        barrier();
    }
    return terms[0];
}

void main()
{
    const uint token = gl_WorkGroupID.x;
    if (targets[token] < 0) {
        if (gl_LocalInvocationIndex == 0)
            outs[token] = uvec2(0);
        return;
    }
    find_states(token * stride);
    const float divergence = sum_terms(token * stride);
    if (gl_LocalInvocationIndex == 0)
        outs[token] =
            uvec2(floatBitsToUint(divergence), p_states[0].top != q_states[0].top ? 1 : 0);
}
