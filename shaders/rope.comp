// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// Rotates queries in place; rotates keys into the KV cache and copies values there. An invocation
// takes four elements of a head, two pairs, so that it writes whole words of an fp16 cache.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint HEAD_DIM = 64;
layout(constant_id = 1) const uint ROTARY_DIM = 64;
layout(constant_id = 2) const uint INTERLEAVED = 0;
layout(constant_id = 3) const uint HALF_KV = 0;
layout(binding = 0) buffer Qkv { float qkv[]; };
layout(binding = 1) readonly buffer Positions { uvec2 positions[]; };
layout(binding = 2) readonly buffer Frequencies { uvec2 frequencies[]; };
layout(binding = 3) writeonly buffer Kv { uint kv[]; };
layout(push_constant) uniform Push {
    uint n_tokens, row_elements, n_heads, n_kv_heads; // the model's
    uint n_queries;                  // query heads of this dispatch: all or none
    uint first_kv_head, n_kv_bound;  // kv heads of this dispatch, all that are bound
    uint capacity, first_slot, first_position;
    float attention_scale;
};

#include "common/half.glsl"
#include "common/turns.glsl"

// Where the invocation's two words of two elements lie in a head.
uvec2 element_of(uint quad)
{
    if (INTERLEAVED == 0 && 4 * quad < ROTARY_DIM)
        return uvec2(2 * quad, 2 * quad + ROTARY_DIM / 2);
    return uvec2(4 * quad, 4 * quad + 2);
}

// x: the elements at element_of().x and the next; y: those at element_of().y.
void rotate(uint token, uint quad, inout vec2 x, inout vec2 y)
{
    if (4 * quad >= ROTARY_DIM)
        return;
    const uvec2 place = positions[first_position + token];
    const vec2 a = attention_scale * cos_sin(turn_of(place, frequencies[2 * quad]));
    const vec2 b = attention_scale * cos_sin(turn_of(place, frequencies[2 * quad + 1]));
    if (INTERLEAVED != 0) {
        x = vec2(x.x * a.x - x.y * a.y, x.x * a.y + x.y * a.x);
        y = vec2(y.x * b.x - y.y * b.y, y.x * b.y + y.y * b.x);
    } else {
        const vec2 c = vec2(a.x, b.x), s = vec2(a.y, b.y), low = x;
        x = low * c - y * s;
        y = low * s + y * c;
    }
}

void store_kv(uint element, vec2 value)
{
    if (HALF_KV != 0) {
        kv[element / 2] = half2_bits(value);
    } else {
        kv[element] = floatBitsToUint(value.x);
        kv[element + 1] = floatBitsToUint(value.y);
    }
}

void process(uint token, uint head, uint quad)
{
    // Heads of the dispatch: queries, then keys, then values.
    const bool is_query = head < n_queries;
    const bool is_key = !is_query && head < n_queries + n_kv_bound;
    const uint bound = head - n_queries - (is_key ? 0 : n_kv_bound);
    const uint source =
        is_query ? head : n_heads + (is_key ? 0 : n_kv_heads) + first_kv_head + bound;
    const uvec2 at = element_of(quad);
    const uint from = token * row_elements + source * HEAD_DIM;
    vec2 x = vec2(qkv[from + at.x], qkv[from + at.x + 1]);
    vec2 y = vec2(qkv[from + at.y], qkv[from + at.y + 1]);
    if (is_query || is_key)
        rotate(token, quad, x, y);
    if (is_query) {
        qkv[from + at.x] = x.x;
        qkv[from + at.x + 1] = x.y;
        qkv[from + at.y] = y.x;
        qkv[from + at.y + 1] = y.y;
    } else {
        const uint to = ((2 * bound + (is_key ? 0 : 1)) * capacity + first_slot + token) * HEAD_DIM;
        store_kv(to + at.x, x);
        store_kv(to + at.y, y);
    }
}

void main()
{
    const uint quads = HEAD_DIM / 4, i = gl_GlobalInvocationID.x;
    if (i >= quads * (n_queries + 2 * n_kv_bound))
        return;
    for (uint token = gl_WorkGroupID.y; token < n_tokens; token += gl_NumWorkGroups.y)
        process(token, i / quads, i % quads);
}
