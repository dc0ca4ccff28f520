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
#extension GL_KHR_shader_subgroup_vote : require
// Causal attention on cooperative matrices with an online softmax. 8 subgroups share the keys of one
// kv head; each takes ROW_TILES tiles of queries of one head through them, KEY_TILES at a step. Keys and
// values of the next step travel to registers while the probabilities meet the values, and go to the
// other half of shared memory. Exponents are to base 2; queries come scaled for it. Define HEAD_DIM.
layout(local_size_x_id = 4) in;
layout(constant_id = 5) const uint HEADS = 1; // of a workgroup, all of one kv head
layout(constant_id = 6) const uint CAPPED = 0;
layout(binding = 0) readonly buffer Q { uvec4 q_words[]; };
layout(binding = 1) readonly buffer Prefix { uvec4 prefix_words[]; };
layout(binding = 2) readonly buffer Own { uvec4 own_words[]; };
layout(binding = 3) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint n_heads, group;
    uint prefix_tokens, prefix_tiles, own_tiles; // capacities
    uint first_token, n_tokens, query_tiles;     // query_tiles: of a head in q_words
    uint first_block;                            // of queries
    uint window;                                 // tokens a query sees; 0: all before it
    float cap;                                   // of the scores, to base 2
};

#include "common/matrix.glsl"

// As many rows as the registers hold beside the sums, and keys as fit twice in shared memory.
const uint ROW_TILES = HEAD_DIM > 128 ? 1 : 2;
const uint KEY_TILES = HEAD_DIM > 128 ? 1 : HEAD_DIM == 96 ? 4 : 2;
const uint SUBGROUPS = 8;
const uint DIM_TILES = HEAD_DIM / SIDE;
const uint STEP_KEYS = KEY_TILES * SIDE;
const uint STEP_WORDS = KEY_TILES * DIM_TILES * LANES;
const uint WORDS = STEP_WORDS / (SUBGROUPS * LANES); // of an invocation, keys and values each
const uint QUERY_ROWS = ROW_TILES * SIDE;            // of a subgroup
const uint BLOCK = SUBGROUPS / HEADS * QUERY_ROWS;   // queries of a workgroup
// Scores that count for nothing, and a maximum before any score: the former vanish beside the latter.
const float HIDDEN = -3.402823466e38, LOWEST = -1e30;

shared uvec4 kv_shared[2][2][STEP_WORDS]; // [turn][keys, values]

uint head, kv_head, query0; // of the subgroup; query0 counts in the chunk
uvec4 fetched[2][WORDS];
MATRIX_A queries[ROW_TILES][DIM_TILES];
MATRIX_C sums[ROW_TILES][DIM_TILES], scores[ROW_TILES][KEY_TILES];
float highest[ROW_TILES][8], total[ROW_TILES][8], factor[ROW_TILES][8]; // by slot

void fetch(uint step_index)
{
    const uint key0 = step_index * STEP_KEYS;
    const bool prefix = key0 < prefix_tokens;
    const uint capacity = prefix ? prefix_tiles : own_tiles;
    const uint tile = (prefix ? key0 : key0 - prefix_tokens) / SIDE;
    [[unroll]] for (uint side = 0; side < 2; side++) {
        const uint from = ((2 * kv_head + side) * capacity + tile) * DIM_TILES * LANES;
        const uint at = from + gl_LocalInvocationIndex;
        if (prefix) {
            [[unroll]] for (uint i = 0; i < WORDS; i++)
                fetched[side][i] = prefix_words[at + i * SUBGROUPS * LANES];
        } else {
            [[unroll]] for (uint i = 0; i < WORDS; i++)
                fetched[side][i] = own_words[at + i * SUBGROUPS * LANES];
        }
    }
}

void store(uint turn)
{
    [[unroll]] for (uint side = 0; side < 2; side++)
        [[unroll]] for (uint i = 0; i < WORDS; i++)
            kv_shared[turn][side][i * SUBGROUPS * LANES + gl_LocalInvocationIndex] = fetched[side][i];
}

void score(uint turn)
{
    [[unroll]] for (uint j = 0; j < KEY_TILES; j++) {
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
            scores[i][j] = MATRIX_C(0.0);
        [[unroll]] for (uint d = 0; d < DIM_TILES; d++) {
            const MATRIX_B key = right_tile(
                kv_shared[turn][0][(j * DIM_TILES + d) * LANES + gl_SubgroupInvocationID]);
            [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
                scores[i][j] = coopMatMulAdd(queries[i][d], key, scores[i][j]);
        }
    }
}

// Caps the scores, and hides keys after the query and before its window.
void mask(uint key0)
{
    const uint first = first_token + query0, last = first + QUERY_ROWS - 1;
    const bool inside = key0 + STEP_KEYS - 1 <= first && (window == 0u || key0 + window > last);
    if (CAPPED != 0u || !inside) {
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
            [[unroll]] for (uint j = 0; j < KEY_TILES; j++) {
                [[unroll]] for (uint e = 0; e < 8; e++) {
                    const uint element = element_of(e);
                    const uint token = first + i * SIDE + element / SIDE;
                    const uint key = key0 + j * SIDE + element % SIDE;
                    const bool seen = key <= token && (window == 0u || key + window > token);
                    const float s = scores[i][j][e];
                    scores[i][j][e] = !seen ? HIDDEN : CAPPED != 0u ? cap * tanh(s / cap) : s;
                }
            }
        }
    }
}

// Scores become probabilities relative to the highest so far; returns whether that grew.
bool soften()
{
    bool grew = false;
    [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
        float most[8];
        [[unroll]] for (uint e = 0; e < 8; e++)
            most[e] = highest[i][e];
        [[unroll]] for (uint j = 0; j < KEY_TILES; j++)
            [[unroll]] for (uint e = 0; e < 8; e++)
                most[slot_of(e)] = max(most[slot_of(e)], scores[i][j][e]);
        [[unroll]] for (uint e = 0; e < 8; e++) {
            if (slot_of(e) == e) {
                most[e] = row_max(most[e]);
                grew = grew || most[e] > highest[i][e];
                factor[i][e] = exp2(highest[i][e] - most[e]);
                highest[i][e] = most[e];
                total[i][e] *= factor[i][e];
            }
        }
        [[unroll]] for (uint j = 0; j < KEY_TILES; j++) {
            [[unroll]] for (uint e = 0; e < 8; e++) {
                scores[i][j][e] = exp2(scores[i][j][e] - highest[i][slot_of(e)]);
                total[i][slot_of(e)] += scores[i][j][e];
            }
        }
    }
    return grew;
}

void add_values(uint turn)
{
    [[unroll]] for (uint j = 0; j < KEY_TILES; j++) {
        MATRIX_A chances[ROW_TILES];
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
            [[unroll]] for (uint e = 0; e < 8; e++)
                chances[i][e] = float16_t(scores[i][j][e]);
        [[unroll]] for (uint d = 0; d < DIM_TILES; d++) {
            const MATRIX_B value = right_tile(
                kv_shared[turn][1][(j * DIM_TILES + d) * LANES + gl_SubgroupInvocationID]);
            [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
                sums[i][d] = coopMatMulAdd(chances[i], value, sums[i][d]);
        }
    }
}

void start()
{
    [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
        [[unroll]] for (uint d = 0; d < DIM_TILES; d++) {
            const uint tile = head * query_tiles + query0 / SIDE + i;
            queries[i][d] =
                left_tile(q_words[(tile * DIM_TILES + d) * LANES + gl_SubgroupInvocationID]);
            sums[i][d] = MATRIX_C(0.0);
        }
        [[unroll]] for (uint slot = 0; slot < 8; slot++) {
            highest[i][slot] = LOWEST;
            total[i][slot] = 0.0;
        }
    }
}

// As the left operand of the output projection.
void finish()
{
    [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
        [[unroll]] for (uint slot = 0; slot < 8; slot++)
            if (slot_of(slot) == slot)
                factor[i][slot] = 1.0 / row_sum(total[i][slot]);
        const uint row_tile = query0 / SIDE + i, k_tiles = n_heads * DIM_TILES;
        [[unroll]] for (uint d = 0; d < DIM_TILES; d++) {
            [[unroll]] for (uint e = 0; e < 8; e++)
                sums[i][d][e] *= factor[i][slot_of(e)];
            const uint tile = (row_tile / PANEL * k_tiles + head * DIM_TILES + d) * PANEL + row_tile % PANEL;
            out_words[tile * LANES + gl_SubgroupInvocationID] = left_word(sums[i][d]);
        }
    }
}

void take_step(uint turn, uint step_index, uint end)
{
    score(turn);
    mask(step_index * STEP_KEYS);
    const bool grew = soften();
    if (subgroupAny(grew)) {
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
            [[unroll]] for (uint d = 0; d < DIM_TILES; d++)
                [[unroll]] for (uint e = 0; e < 8; e++)
                    sums[i][d][e] *= factor[i][slot_of(e)];
    }
    fetch(min(step_index + 1, end - 1));
    add_values(turn);
    store(1 - turn);
    barrier();
}

void main()
{
    // The longest blocks first.
    const uint block = (first_block + gl_NumWorkGroups.x - 1 - gl_WorkGroupID.x) * BLOCK;
    head = gl_WorkGroupID.y * HEADS + gl_SubgroupID / (SUBGROUPS / HEADS);
    kv_head = gl_WorkGroupID.y * HEADS / group;
    query0 = block + gl_SubgroupID % (SUBGROUPS / HEADS) * QUERY_ROWS;
    const uint last = first_token + min(block + BLOCK, n_tokens) - 1;
    const uint first = first_token + block;
    const uint begin = window == 0u || first < window ? 0u : (first - window + 1) / STEP_KEYS;
    const uint end = last / STEP_KEYS + 1;
    start();
    fetch(begin);
    store(0);
    barrier();
    [[dont_unroll]] for (uint step_index = begin; step_index < end; step_index += 2) {
        take_step(0, step_index, end);
        if (step_index + 1 < end)
            take_step(1, step_index + 1, end);
    }
    finish();
}
