// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
// Causal attention with an online softmax: a workgroup takes 16 queries of one head through the
// keys in tiles of 64 at absolute positions. Scores pass through shared memory; the outputs stay
// in registers, four columns a piece. Every sum has an order that depends only on key and column.
layout(local_size_x = 128) in;
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

const uint QUERIES = 16, KEYS = 64, SLAB = 16;
const uint COLUMNS = HEAD_DIM / 4; // of four elements
const uint MAX_PIECES = 8;         // of a head of 256 elements
const float LOWEST = -3.402823466e38;

shared vec4 q_slab[QUERIES][SLAB / 4];
shared vec4 k_slab[KEYS][SLAB / 4];
shared float scores[QUERIES][KEYS + 1]; // then the probabilities
shared float partial[QUERIES][8];
shared float highest[QUERIES], total[QUERIES], rescale[QUERIES];

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

// scores = scale * q·k for the tile, LOWEST where the query does not see the key.
void score_tile(bool prefix, uint key0, uint kv_head, uint query0, uint head)
{
    const uint lane = gl_LocalInvocationIndex;
    const uint keys = tile_start(prefix, key0, kv_head, 0);
    const uint row = 2 * (lane / 16), column = lane % 16;
    vec4 sums[2] = {vec4(0), vec4(0)}; // of two queries with keys column + 16 j
    for (uint d = 0; d < HEAD_DIM; d += SLAB) {
        for (uint i = lane; i < QUERIES * SLAB / 4; i += 128) {
            const uint query = min(query0 + i / 4, n_tokens - 1), at = d + 4 * (i % 4);
            q_slab[i / 4][i % 4] =
                at < HEAD_DIM ? q4[(query * row_elements + head * HEAD_DIM + at) / 4] : vec4(0);
        }
        for (uint i = lane; i < KEYS * SLAB / 4; i += 128) {
            const uint at = d + 4 * (i % 4);
            k_slab[i / 4][i % 4] =
                at < HEAD_DIM ? kv4(prefix, keys + i / 4 * HEAD_DIM + at) : vec4(0);
        }
        barrier();
        for (uint c = 0; c < SLAB / 4; c++) {
            const vec4 a = q_slab[row][c], b = q_slab[row + 1][c];
            for (uint j = 0; j < 4; j++) {
                const vec4 k = k_slab[column + 16 * j][c];
                sums[0][j] += dot(a, k);
                sums[1][j] += dot(b, k);
            }
        }
        barrier();
    }
    for (uint i = 0; i < 2; i++) {
        for (uint j = 0; j < 4; j++) {
            const uint key = key0 + column + 16 * j, query = first_token + query0 + row + i;
            const bool seen = key <= query && query - key < window;
            const float score = scale * sums[i][j];
            scores[row + i][column + 16 * j] =
                seen ? SOFT_CAP > 0.0 ? soft_cap(score, SOFT_CAP) : score : LOWEST;
        }
    }
    barrier();
}

// Turns the tile's scores into probabilities relative to the highest so far.
void soften_tile()
{
    const uint row = gl_LocalInvocationIndex / 8, part = gl_LocalInvocationIndex % 8;
    float most = LOWEST;
    for (uint i = 0; i < KEYS / 8; i++)
        most = max(most, scores[row][part + 8 * i]);
    partial[row][part] = most;
    barrier();
    const float before = highest[row];
    float now = before;
    for (uint i = 0; i < 8; i++)
        now = max(now, partial[row][i]);
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < KEYS / 8; i++) {
        const float score = scores[row][part + 8 * i];
        const float p = score == LOWEST ? 0.0 : exp(score - now);
        scores[row][part + 8 * i] = p;
        sum += p;
    }
    partial[row][part] = sum;
    barrier();
    if (part == 0) {
        float all = 0.0;
        for (uint i = 0; i < 8; i++)
            all += partial[row][i];
        const float factor = now > before ? exp(before - now) : 1.0;
        rescale[row] = factor;
        total[row] = total[row] * factor + all;
        highest[row] = now;
    }
    barrier();
}

void main()
{
    const uint lane = gl_LocalInvocationIndex;
    const uint head = first_head + gl_WorkGroupID.y;
    const uint kv_head = head / group - first_kv_bound;
    const uint query0 = (first_tile + gl_WorkGroupID.x) * QUERIES;
    const uint last = first_token + min(query0 + QUERIES, n_tokens) - 1;
    vec4 sums[MAX_PIECES];
    for (uint i = 0; i < MAX_PIECES; i++)
        sums[i] = vec4(0);
    if (lane < QUERIES) {
        highest[lane] = LOWEST;
        total[lane] = 0.0;
    }
    barrier();
    // From the first tile of which the first query sees a key.
    const uint position = first_token + query0;
    const uint begin = position < window ? 0 : (position + 1 - window) / KEYS * KEYS;
    for (uint key0 = begin; key0 <= last; key0 += KEYS) {
        const bool prefix = key0 < prefix_tokens;
        score_tile(prefix, key0, kv_head, query0, head);
        soften_tile();
        const uint values = tile_start(prefix, key0, kv_head, 1);
        const uint n_keys = min(KEYS, last + 1 - key0);
        for (uint i = 0; i < MAX_PIECES; i++) {
            const uint piece = lane + 128 * i, row = piece / COLUMNS, column = piece % COLUMNS;
            if (row >= QUERIES)
                break;
            vec4 sum = sums[i] * rescale[row];
            for (uint key = 0; key < n_keys; key++)
                sum += scores[row][key] * kv4(prefix, values + key * HEAD_DIM + 4 * column);
            sums[i] = sum;
        }
        barrier();
    }
    for (uint i = 0; i < MAX_PIECES; i++) {
        const uint piece = lane + 128 * i, row = piece / COLUMNS, column = piece % COLUMNS;
        if (row < QUERIES && query0 + row < n_tokens)
            out4[((query0 + row) * n_heads + head) * COLUMNS + column] = sums[i] / total[row];
    }
}
