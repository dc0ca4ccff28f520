// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
// What rope.comp computes, as operands of attention_matrix.comp: queries as left operands
// [head][token tile][dim tile], keys as right operands [kv head][K][slot tile][dim tile] of dims by
// tokens, values beside them [kv head][V][slot tile][dim tile] of tokens by dims. An invocation makes
// one word. Slots past the last token become zeros.
layout(local_size_x = 128) in;
layout(constant_id = 4) const uint LAYOUT_V = 0;
layout(constant_id = 5) const uint HEAD_DIM = 64;
layout(constant_id = 6) const uint ROTARY_DIM = 64;
layout(constant_id = 7) const uint INTERLEAVED = 0;
layout(binding = 0) readonly buffer Qkv { float qkv[]; };
layout(binding = 1) readonly buffer Positions { uvec2 positions[]; };
layout(binding = 2) readonly buffer Frequencies { uvec2 frequencies[]; };
layout(binding = 3) writeonly buffer Q { uvec4 q_words[]; };
layout(binding = 4) writeonly buffer Kv { uvec4 kv_words[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_heads, n_kv_heads;
    uint capacity_tiles, first_slot_tile;
    float attention_scale, query_scale;
};

#include "common/matrix.glsl"
#include "common/turns.glsl"

const uint DIM_TILES = HEAD_DIM / SIDE;

float element(uint token, uint source, uint dim)
{
    return qkv[(token * (n_heads + 2 * n_kv_heads) + source) * HEAD_DIM + dim];
}

float rotated(uint token, uint source, uint dim)
{
    if (dim >= ROTARY_DIM)
        return element(token, source, dim);
    const bool second = INTERLEAVED != 0u ? dim % 2u != 0u : dim >= ROTARY_DIM / 2u;
    const uint pair = INTERLEAVED != 0u ? dim / 2u : dim % (ROTARY_DIM / 2u);
    const uint partner = INTERLEAVED != 0u ? dim ^ 1u
                         : second          ? dim - ROTARY_DIM / 2u
                                           : dim + ROTARY_DIM / 2u;
    const vec2 turn = attention_scale * cos_sin(turn_of(positions[token], frequencies[pair]));
    const float own = element(token, source, dim), other = element(token, source, partner);
    return own * turn.x + (second ? other : -other) * turn.y;
}

// Half `place` of the word's tile: queries and values have tokens as rows, keys as columns.
float half_at(uint order, bool is_key, bool is_value, uint source, uint token0, uint dim0, uint place)
{
    const uint at = element_at(order, place), row = at / SIDE, column = at % SIDE;
    const uint token = token0 + (is_key ? column : row), dim = dim0 + (is_key ? row : column);
    if (token >= n_tokens)
        return 0.0;
    return is_value ? element(token, source, dim) : rotated(token, source, dim);
}

void main()
{
    // Heads: queries, then keys, then values.
    const uint source = gl_WorkGroupID.y, token_tile = gl_WorkGroupID.z;
    const uint word = gl_GlobalInvocationID.x, dim_tile = word / LANES, lane = word % LANES;
    if (dim_tile >= DIM_TILES)
        return;
    const bool is_query = source < n_heads, is_value = source >= n_heads + n_kv_heads;
    const bool is_key = !is_query && !is_value;
    const uint order = is_query ? LAYOUT_A : is_key ? LAYOUT_B : LAYOUT_V;
    uint pairs[4];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint place = lane * 8 + 2 * i;
        vec2 pair = vec2(half_at(order, is_key, is_value, source, token_tile * SIDE,
                                 dim_tile * SIDE, place),
                         half_at(order, is_key, is_value, source, token_tile * SIDE,
                                 dim_tile * SIDE, place + 1));
        pair *= is_query ? query_scale : 1.0;
        pairs[i] = half_pair(pair.x, pair.y);
    }
    const uvec4 packed = uvec4(pairs[0], pairs[1], pairs[2], pairs[3]);
    if (is_query) {
        const uint tile = source * gl_NumWorkGroups.z + token_tile;
        q_words[(tile * DIM_TILES + dim_tile) * LANES + lane] = packed;
    } else {
        const uint kv_head = is_key ? source - n_heads : source - n_heads - n_kv_heads;
        const uint tile = (2 * kv_head + (is_value ? 1 : 0)) * capacity_tiles + first_slot_tile + token_tile;
        kv_words[(tile * DIM_TILES + dim_tile) * LANES + lane] = packed;
    }
}
