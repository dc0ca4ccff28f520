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
// one word of each of HEADS heads, whose turns are the same. Slots past the last token become zeros.
layout(local_size_x = 128) in;
layout(constant_id = 4) const uint HEAD_DIM = 64;
layout(constant_id = 5) const uint ROTARY_DIM = 64;
layout(constant_id = 6) const uint INTERLEAVED = 0;
layout(binding = 0) readonly buffer Qkv { float qkv[]; };
layout(binding = 0) readonly buffer QkvPairs { vec2 qkv_pairs[]; };
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
const uint HEADS = 4;

// What a workgroup makes: heads of one kind.
struct Heads {
    uint first, n;    // of its kind
    uint source;      // the kind's first head in a row of qkv
    bool is_key;      // rows are dims, columns tokens
    bool is_rotated;
    float scale;
};

uint token0, lane, dim0; // of the tiles
uvec2 tokens[4], dims[4]; // of the word's halves

// Where the word's halves lie. Halves 2i and 2i + 1 are neighbours of a head where the order's lowest
// bit is that of the dims.
void place_halves(uint order, bool is_key)
{
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint place = lane * 8 + 2 * i;
        const uvec2 at = uvec2(element_at(order, place), element_at(order, place + 1));
        tokens[i] = token0 + (is_key ? at % SIDE : at / SIDE);
        dims[i] = dim0 + (is_key ? at / SIDE : at % SIDE);
    }
}

vec2 elements(bool neighbours, uint source, uint i, uvec2 dim)
{
    const uvec2 token = min(tokens[i], n_tokens - 1);
    const uvec2 at = (token * (n_heads + 2 * n_kv_heads) + source) * HEAD_DIM + dim;
    return neighbours ? qkv_pairs[at.x / 2] : vec2(qkv[at.x], qkv[at.y]);
}

bool is_second(uint dim)
{
    return INTERLEAVED != 0u ? dim % 2u != 0u : dim >= ROTARY_DIM / 2u;
}

uint partner_of(uint dim)
{
    return dim >= ROTARY_DIM      ? dim
           : INTERLEAVED != 0u    ? dim ^ 1u
           : is_second(dim)       ? dim - ROTARY_DIM / 2u
                                  : dim + ROTARY_DIM / 2u;
}

// Factors of the element and of its partner.
vec2 turn_at(uint token, uint dim)
{
    if (dim >= ROTARY_DIM)
        return vec2(1.0, 0.0);
    const uint pair = INTERLEAVED != 0u ? dim / 2u : dim % (ROTARY_DIM / 2u);
    const vec2 turn =
        attention_scale * cos_sin(turn_of(positions[min(token, n_tokens - 1)], frequencies[pair]));
    return is_second(dim) ? turn : vec2(turn.x, -turn.y);
}

void make(uint order, bool neighbours, Heads heads, out uvec4 words[HEADS])
{
    vec2 own[HEADS][4], other[HEADS][4], turns[4][2];
    place_halves(order, heads.is_key);
    [[unroll]] for (uint h = 0; h < HEADS; h++) {
        const uint source = heads.source + min(heads.first + h, heads.n - 1);
        [[unroll]] for (uint i = 0; i < 4; i++) {
            own[h][i] = elements(neighbours, source, i, dims[i]);
            if (heads.is_rotated)
                other[h][i] = neighbours && INTERLEAVED != 0u
                                  ? own[h][i].yx
                                  : elements(neighbours, source, i,
                                             uvec2(partner_of(dims[i].x), partner_of(dims[i].y)));
        }
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        if (heads.is_rotated) {
            turns[i][0] = turn_at(tokens[i].x, dims[i].x);
            turns[i][1] = turn_at(tokens[i].y, dims[i].y);
        }
    }
    [[unroll]] for (uint h = 0; h < HEADS; h++) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            vec2 pair = own[h][i];
            if (heads.is_rotated)
                pair = heads.scale * (pair * vec2(turns[i][0].x, turns[i][1].x) +
                                      other[h][i] * vec2(turns[i][0].y, turns[i][1].y));
            words[h][i] = half_pair(tokens[i].x < n_tokens ? pair.x : 0.0,
                                    tokens[i].y < n_tokens ? pair.y : 0.0);
        }
    }
}

void main()
{
    // Groups of heads: queries, then keys, then values.
    const uint q_groups = (n_heads + HEADS - 1) / HEADS, kv_groups = (n_kv_heads + HEADS - 1) / HEADS;
    const uint group = gl_WorkGroupID.y, token_tile = gl_WorkGroupID.z;
    const uint word = gl_GlobalInvocationID.x, dim_tile = word / LANES;
    if (dim_tile >= DIM_TILES)
        return;
    lane = word % LANES;
    token0 = token_tile * SIDE;
    dim0 = dim_tile * SIDE;
    const bool is_query = group < q_groups, is_value = group >= q_groups + kv_groups;
    uvec4 words[HEADS];
    Heads heads;
    if (is_query) {
        heads = Heads(group * HEADS, n_heads, 0, false, true, query_scale);
        make(LAYOUT_A, (LAYOUT_A & 15u) == 0u, heads, words);
    } else if (!is_value) {
        heads = Heads((group - q_groups) * HEADS, n_kv_heads, n_heads, true, true, 1.0);
        make(LAYOUT_B, SIDE == 1u << (LAYOUT_B & 15u), heads, words);
    } else {
        heads = Heads((group - q_groups - kv_groups) * HEADS, n_kv_heads, n_heads + n_kv_heads, false,
                      false, 1.0);
        make(LAYOUT_B, false, heads, words);
    }
    [[unroll]] for (uint h = 0; h < HEADS; h++) {
        const uint head = heads.first + h;
        if (head >= heads.n)
            break;
        if (is_query) {
            const uint tile = head * gl_NumWorkGroups.z + token_tile;
            q_words[(tile * DIM_TILES + dim_tile) * LANES + lane] = words[h];
        } else {
            const uint tile =
                (2 * head + (is_value ? 1 : 0)) * capacity_tiles + first_slot_tile + token_tile;
            kv_words[(tile * DIM_TILES + dim_tile) * LANES + lane] = words[h];
        }
    }
}
