// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
// Causal attention with an online softmax for processors that run an invocation per SIMD lane: one
// subgroup takes 16 queries of one head through the keys in tiles of 32 at absolute positions, all
// in registers. Lanes lie along the keys for the scores and along pairs of columns for the outputs.
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8; // the subgroup's size, a power of two up to 32
layout(constant_id = 1) const uint HEAD_DIM = 64;
layout(constant_id = 2) const uint HALF_KV = 0;
layout(constant_id = 3) const float SOFT_CAP = 0.0; // of the scores; 0: none
layout(binding = 0) readonly buffer Q { vec4 q4[]; };
layout(binding = 1) readonly buffer Prefix { uint prefix_kv[]; };
layout(binding = 2) readonly buffer Own { uint own_kv[]; };
layout(binding = 3) writeonly buffer Out { float outs[]; };
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

const uint QUERIES = 16, KEYS = 32;
const uint ROWS = KEYS / LANES;                                 // keys of a lane
const uint OWN = LANES < QUERIES ? QUERIES / LANES : 1;         // queries that a lane loads
const uint PAIRS = (HEAD_DIM / 2 + LANES - 1) / LANES;          // column pairs of a lane
const float LOWEST = -3.402823466e38;

struct Tile {
    bool prefix;
    uint keys, values; // elements where they begin
    uint key0;         // its absolute position
};

float scores[QUERIES][ROWS]; // of key key0 + r * LANES + lane; then the probabilities
vec2 sums[QUERIES][PAIRS];   // of columns 2 * (c * LANES + lane) and the next
float highest[QUERIES], total[QUERIES];

uint kv_word(bool prefix, uint w)
{
    if (prefix)
        return prefix_kv[w];
    return own_kv[w];
}

// Elements `element` and the next.
vec2 kv2(bool prefix, uint element)
{
    if (HALF_KV != 0)
        return unpackHalf2x16(kv_word(prefix, element >> 1));
    return uintBitsToFloat(uvec2(kv_word(prefix, element), kv_word(prefix, element + 1)));
}

void score(Tile tile, uint query0, uint head)
{
    const uint lane = gl_SubgroupInvocationID;
    [[unroll]] for (uint t = 0; t < QUERIES; t++)
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            scores[t][r] = 0.0;
    for (uint d = 0; d < HEAD_DIM; d += 4) {
        vec4 q[OWN], k[ROWS];
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            const uint query = min(query0 + (i * LANES + lane) % QUERIES, n_tokens - 1);
            q[i] = q4[(query * row_elements + head * HEAD_DIM + d) >> 2];
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint at = tile.keys + (r * LANES + lane) * HEAD_DIM + d;
            k[r] = vec4(kv2(tile.prefix, at), kv2(tile.prefix, at + 2));
        }
        [[unroll]] for (uint t = 0; t < QUERIES; t++) {
            const vec4 a = subgroupBroadcast(q[t / LANES], t % LANES);
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                scores[t][r] += dot(a, k[r]);
        }
    }
}

// Masks, and turns scores into probabilities relative to the highest so far.
void soften(Tile tile, uint query0)
{
    [[unroll]] for (uint t = 0; t < QUERIES; t++) {
        const uint query = first_token + query0 + t;
        float most = highest[t];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            const uint key = tile.key0 + r * LANES + gl_SubgroupInvocationID;
            const bool seen = key <= query && query - key < window;
            const float score = scale * scores[t][r];
            scores[t][r] = seen ? SOFT_CAP > 0.0 ? soft_cap(score, SOFT_CAP) : score : LOWEST;
            most = max(most, scores[t][r]);
        }
        most = subgroupMax(most);
        float sum = 0.0;
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            scores[t][r] = scores[t][r] == LOWEST ? 0.0 : exp(scores[t][r] - most);
            sum += scores[t][r];
        }
        const float factor = most > highest[t] ? exp(highest[t] - most) : 1.0;
        total[t] = total[t] * factor + subgroupAdd(sum);
        highest[t] = most;
        [[unroll]] for (uint c = 0; c < PAIRS; c++)
            sums[t][c] *= factor;
    }
}

void add_values(Tile tile)
{
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        for (uint i = 0; i < LANES; i++) {
            vec2 v[PAIRS];
            [[unroll]] for (uint c = 0; c < PAIRS; c++) {
                const uint pair = min(c * LANES + gl_SubgroupInvocationID, HEAD_DIM / 2 - 1);
                v[c] = kv2(tile.prefix, tile.values + (r * LANES + i) * HEAD_DIM + 2 * pair);
            }
            [[unroll]] for (uint t = 0; t < QUERIES; t++) {
                const float p = subgroupBroadcast(scores[t][r], i);
                [[unroll]] for (uint c = 0; c < PAIRS; c++)
                    sums[t][c] += p * v[c];
            }
        }
    }
}

void visit(bool prefix, uint key0, uint head, uint query0)
{
    const uint capacity = prefix ? prefix_capacity : own_capacity;
    const uint slot = prefix ? key0 : key0 - prefix_tokens;
    const uint plane = 2 * (head / group - first_kv_bound);
    Tile tile;
    tile.prefix = prefix;
    tile.key0 = key0;
    tile.keys = (plane * capacity + slot) * HEAD_DIM;
    tile.values = ((plane + 1) * capacity + slot) * HEAD_DIM;
    score(tile, query0, head);
    soften(tile, query0);
    add_values(tile);
}

void main()
{
    const uint head = first_head + gl_WorkGroupID.y;
    const uint query0 = (first_tile + gl_WorkGroupID.x) * QUERIES;
    const uint last = first_token + min(query0 + QUERIES, n_tokens) - 1;
    [[unroll]] for (uint t = 0; t < QUERIES; t++) {
        highest[t] = LOWEST;
        total[t] = 0.0;
        [[unroll]] for (uint c = 0; c < PAIRS; c++)
            sums[t][c] = vec2(0);
    }
    // From the first tile of which the first query sees a key.
    const uint position = first_token + query0;
    const uint begin = position < window ? 0 : (position + 1 - window) / KEYS * KEYS;
    for (uint key0 = begin; key0 <= last; key0 += KEYS)
        visit(key0 < prefix_tokens, key0, head, query0);
    [[unroll]] for (uint t = 0; t < QUERIES; t++) {
        [[unroll]] for (uint c = 0; c < PAIRS; c++) {
            const uint pair = c * LANES + gl_SubgroupInvocationID;
            if (query0 + t < n_tokens && pair < HEAD_DIM / 2) {
                const uint at = ((query0 + t) * n_heads + head) * HEAD_DIM + 2 * pair;
                outs[at] = sums[t][c].x / total[t];
                outs[at + 1] = sums[t][c].y / total[t];
            }
        }
    }
}
