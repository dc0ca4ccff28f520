// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
// Causal attention with an online softmax: a workgroup takes 64 queries of one head through the keys
// in tiles of 64 at absolute positions. An invocation owns 8 queries x 4 keys of the scores and the
// same queries' columns of the outputs. Needs subgroups of at least 16 invocations, whole rows of
// the workgroup.
layout(local_size_x = 128) in; // rows of 16 invocations
layout(constant_id = 0) const uint HEAD_DIM = 64;
layout(constant_id = 1) const uint HALF_KV = 0;
layout(constant_id = 2) const float SOFT_CAP = 0.0; // of the scores; 0: none
layout(binding = 0) readonly buffer Q { vec4 q4[]; };
layout(binding = 1) readonly buffer Prefix { uint prefix_kv[]; };
layout(binding = 2) readonly buffer Own { uint own_kv[]; };
layout(binding = 3) writeonly buffer Out { vec4 out4[]; };
layout(push_constant) uniform Push {
    uint row_elements, n_heads, group; // group: query heads per kv head
    uint first_head, first_kv_bound;   // of this dispatch
    uint prefix_tokens, prefix_capacity, own_capacity;
    uint first_token, n_tokens;
    uint first_tile; // of queries
    float scale;
    uint window; // keys that a query sees, its own the last
};

#include "common/soft_cap.glsl"

const uint QUERIES = 64, KEYS = 64, VALUE_SLAB = 8;
const uint COLUMNS = HEAD_DIM / 4;       // of four elements
const uint PIECES = (COLUMNS + 15) / 16; // of an invocation
const uint SLAB = COLUMNS > 48 ? 8 : 16; // within 32 KiB of shared memory
const float LOWEST = -3.402823466e38;

shared vec4 q_slab[SLAB][QUERIES / 4 + 1];
shared vec4 k_slab[SLAB][KEYS / 4 + 1];
shared vec4 v_slab[VALUE_SLAB][COLUMNS];
shared float chances[QUERIES][KEYS + 4];

uint lane_x()
{
    return gl_LocalInvocationIndex % 16;
}

uint lane_y()
{
    return gl_LocalInvocationIndex / 16;
}

// Four elements of the bound cache, the first at `element`.
vec4 kv4(bool prefix, uint element)
{
    if (HALF_KV != 0) {
        const uint w = element / 2;
        const uvec2 words =
            prefix ? uvec2(prefix_kv[w], prefix_kv[w + 1]) : uvec2(own_kv[w], own_kv[w + 1]);
        return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y));
    }
    const uint w = element;
    return uintBitsToFloat(
        prefix ? uvec4(prefix_kv[w], prefix_kv[w + 1], prefix_kv[w + 2], prefix_kv[w + 3])
               : uvec4(own_kv[w], own_kv[w + 1], own_kv[w + 2], own_kv[w + 3]));
}

// The element where the tile's keys or values begin.
uint tile_start(bool prefix, uint key0, uint kv_head, uint values)
{
    const uint capacity = prefix ? prefix_capacity : own_capacity;
    const uint slot = prefix ? key0 : key0 - prefix_tokens;
    return ((2 * kv_head + values) * capacity + slot) * HEAD_DIM;
}

void load_slabs(bool prefix, uint keys, uint query0, uint head, uint d)
{
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * SLAB / 4; i += 128) {
        const uint line = i / (SLAB / 4), at = 4 * (i % (SLAB / 4));
        const uint query = min(query0 + line, n_tokens - 1);
        const bool inside = d + at < HEAD_DIM;
        const vec4 q =
            inside ? q4[(query * row_elements + head * HEAD_DIM + d + at) / 4] : vec4(0);
        const vec4 k = inside ? kv4(prefix, keys + line * HEAD_DIM + d + at) : vec4(0);
        for (uint j = 0; j < 4; j++) {
            q_slab[at + j][line / 4][line % 4] = q[j];
            k_slab[at + j][line / 4][line % 4] = k[j];
        }
    }
}

// scores[i]: query 8 y + i, keys 4 x …; unmasked, unscaled.
void score(bool prefix, uint keys, uint query0, uint head, out vec4 scores[8])
{
    for (uint i = 0; i < 8; i++)
        scores[i] = vec4(0);
    for (uint d = 0; d < HEAD_DIM; d += SLAB) {
        load_slabs(prefix, keys, query0, head, d);
        barrier();
        for (uint c = 0; c < SLAB; c++) {
            const vec4 a = q_slab[c][2 * lane_y()];
            const vec4 b = q_slab[c][2 * lane_y() + 1];
            const vec4 k = k_slab[c][lane_x()];
            for (uint i = 0; i < 4; i++) {
                scores[i] += a[i] * k;
                scores[4 + i] += b[i] * k;
            }
        }
        barrier();
    }
}

float row_max(float value)
{
    for (uint step = 1; step < 16; step *= 2)
        value = max(value, subgroupShuffleXor(value, step));
    return value;
}

float row_sum(float value)
{
    for (uint step = 1; step < 16; step *= 2)
        value += subgroupShuffleXor(value, step);
    return value;
}

// One query's four scores become probabilities relative to the highest so far, in shared memory.
// Returns what the sums so far are to be multiplied by.
float soften(vec4 scores, uint key0, uint position, uint row, inout float highest,
             inout float total)
{
    for (uint j = 0; j < 4; j++) {
        const uint key = key0 + 4 * lane_x() + j;
        const bool seen = key <= position && position - key < window;
        const float score = scale * scores[j];
        scores[j] = seen ? SOFT_CAP > 0.0 ? soft_cap(score, SOFT_CAP) : score : LOWEST;
    }
    const float before = highest;
    highest = max(before, row_max(max(max(scores.x, scores.y), max(scores.z, scores.w))));
    vec4 chance;
    for (uint j = 0; j < 4; j++) {
        chance[j] = scores[j] == LOWEST ? 0.0 : exp(scores[j] - highest);
        chances[row][4 * lane_x() + j] = chance[j];
    }
    const float factor = highest > before ? exp(before - highest) : 1.0;
    total = total * factor + row_sum(chance.x + chance.y + chance.z + chance.w);
    return factor;
}

void add_values(bool prefix, uint values, inout vec4 sums[8][PIECES])
{
    for (uint key = 0; key < KEYS; key += VALUE_SLAB) {
        for (uint i = gl_LocalInvocationIndex; i < VALUE_SLAB * COLUMNS; i += 128)
            v_slab[i / COLUMNS][i % COLUMNS] = kv4(prefix, values + key * HEAD_DIM + 4 * i);
        barrier();
        for (uint j = 0; j < VALUE_SLAB; j++) {
            for (uint p = 0; p < PIECES; p++) {
                const uint column = lane_x() + 16 * p;
                const vec4 v = column < COLUMNS ? v_slab[j][column] : vec4(0);
                for (uint i = 0; i < 8; i++)
                    sums[i][p] += chances[8 * lane_y() + i][key + j] * v;
            }
        }
        barrier();
    }
}

void main()
{
    const uint head = first_head + gl_WorkGroupID.y;
    const uint kv_head = head / group - first_kv_bound;
    const uint query0 = (first_tile + gl_WorkGroupID.x) * QUERIES;
    const uint last = first_token + min(query0 + QUERIES, n_tokens) - 1;
    const uint row0 = 8 * lane_y();
    vec4 sums[8][PIECES];
    float highest[8], total[8];
    for (uint i = 0; i < 8; i++) {
        highest[i] = LOWEST;
        total[i] = 0.0;
        for (uint p = 0; p < PIECES; p++)
            sums[i][p] = vec4(0);
    }
    // From the first tile of which the first query sees a key.
    const uint start = first_token + query0;
    const uint begin = start < window ? 0 : (start + 1 - window) / KEYS * KEYS;
    for (uint key0 = begin; key0 <= last; key0 += KEYS) {
        const bool prefix = key0 < prefix_tokens;
        vec4 scores[8];
        score(prefix, tile_start(prefix, key0, kv_head, 0), query0, head, scores);
        for (uint i = 0; i < 8; i++) {
            const uint position = first_token + query0 + row0 + i;
            const float factor =
                soften(scores[i], key0, position, row0 + i, highest[i], total[i]);
            for (uint p = 0; p < PIECES; p++)
                sums[i][p] *= factor;
        }
        add_values(prefix, tile_start(prefix, key0, kv_head, 1), sums);
    }
    for (uint i = 0; i < 8; i++) {
        for (uint p = 0; p < PIECES; p++) {
            const uint column = lane_x() + 16 * p, query = query0 + row0 + i;
            if (column < COLUMNS && query < n_tokens)
                out4[(query * n_heads + head) * COLUMNS + column] = sums[i][p] / total[i];
        }
    }
}
