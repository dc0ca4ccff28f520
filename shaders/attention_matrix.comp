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
// Causal attention on cooperative matrices with an online softmax. Subgroups share the keys of one kv
// head; each takes the queries of ROW_TILES accumulators' rows, all of one head, through them, KEY_TILES
// at a step. Where registers do not hold a head's sums, DIM_SPLIT subgroups have the same queries, make
// the same scores, and share the dimensions of the values. A step's values travel to registers while its
// probabilities are made, the next one's keys while these meet the values. Workgroups are small, so that
// a processor has two at different points of a step. Exponents are to base 2; queries come scaled for
// it. Define HEAD_DIM.
layout(local_size_x_id = 4) in;
layout(constant_id = 5) const uint HEADS = 1; // of a workgroup, all of one kv head
layout(constant_id = 6) const uint CAPPED = 0;
#ifdef MATRIX_TRANSPOSED
layout(constant_id = 7) const uint OPERAND_COPIES = 1;
#endif
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

// As many rows as the registers hold beside the sums, and keys as leave room for what travels.
// Transposed operands may be twice as large, or registers fewer: of the widest heads, or of all,
// queries are then read each time.
#ifdef MATRIX_TRANSPOSED
const uint ROW_TILES = 1;
#if defined(MATRIX_ROWS)
#define READS_QUERIES 1
#elif !defined(READS_QUERIES)
#define READS_QUERIES (HEAD_DIM > 128)
#endif
#else
#define READS_QUERIES 0
const uint ROW_TILES = HEAD_DIM > 128 ? 1 : 2;
#endif
const uint DIM_TILES = HEAD_DIM / SIDE;
#ifdef MATRIX_ROWS
const uint KEY_TILES = 1, DIM_SPLIT = HEAD_DIM / 32;
const uint SUBGROUPS = min(DIM_TILES * LANES, 256) / SUBGROUP_LANES;
#else
const uint KEY_TILES = HEAD_DIM > 128 ? 1 : 2, DIM_SPLIT = 1;
const uint SUBGROUPS = HEAD_DIM > 128 ? 8 : 4;
#endif
const uint INVOCATIONS = SUBGROUPS * SUBGROUP_LANES;
const uint SUM_TILES = DIM_TILES / DIM_SPLIT; // of a subgroup's sums
const uint SUMS = SUM_TILES * COLUMN_PARTS, SCORES = KEY_TILES * COLUMN_PARTS; // accumulators
const uint STEP_KEYS = KEY_TILES * SIDE;
const uint STEP_WORDS = KEY_TILES * DIM_TILES * LANES;
const uint WORDS = STEP_WORDS / INVOCATIONS; // of an invocation, of keys or of values
const uint QUERY_ROWS = ROW_TILES * SUM_ROWS;        // of a subgroup
// An invocation holds ELEMENTS neighbours of each of SLOTS rows of an accumulator.
const uint SLOTS = ROW_ELEMENTS == 0 ? 1 : ROW_ELEMENTS == 4 ? 2 : 8, ELEMENTS = 8 / SLOTS;
// Scores that count for nothing, and a maximum before any score, beside which those vanish.
const float HIDDEN = -3.402823466e38, LOWEST = -1e30;

const uint KEYS = 0, VALUES = 1;
shared uvec4 kv_shared[2 * STEP_WORDS];

// A step's keys or values to registers, and from there to shared memory.
#define FETCH(what, step_index)                                                                    \
    {                                                                                              \
        const uint key_ = (step_index) * STEP_KEYS;                                                \
        const bool prefix_ = key_ < prefix_tokens;                                                 \
        const uint capacity_ = prefix_ ? prefix_tiles : own_tiles;                                 \
        const uint at_ = ((2 * kv_head + (what)) * capacity_ +                                     \
                          (prefix_ ? key_ : key_ - prefix_tokens) / SIDE) *                        \
                             DIM_TILES * LANES +                                                   \
                         gl_LocalInvocationIndex;                                                  \
        if (prefix_) {                                                                             \
            [[unroll]] for (uint i_ = 0; i_ < WORDS; i_++)                                         \
                fetched[i_] = prefix_words[at_ + i_ * INVOCATIONS];                                \
        } else {                                                                                   \
            [[unroll]] for (uint i_ = 0; i_ < WORDS; i_++)                                         \
                fetched[i_] = own_words[at_ + i_ * INVOCATIONS];                                   \
        }                                                                                          \
    }
#define STORE(what)                                                                                \
    [[unroll]] for (uint i_ = 0; i_ < WORDS; i_++)                                                 \
        kv_shared[(what) * STEP_WORDS + i_ * INVOCATIONS + gl_LocalInvocationIndex] = fetched[i_];

MATRIX_C sums[ROW_TILES][SUMS];
float highest[ROW_TILES][SLOTS], total[ROW_TILES][SLOTS];
#if !READS_QUERIES
MATRIX_A queries[ROW_TILES][DIM_TILES];
#endif

// One function, with what lives through all steps outside it: NVIDIA's compiler is short of
// registers here, and every other arrangement that was tried cost a tenth of the rate or more.
void main()
{
    const uint lane = LANE, subgroup = SUBGROUP;
    const uint sharing = SUBGROUPS / HEADS; // subgroups of one head
    const uint head = gl_WorkGroupID.y * HEADS + subgroup / sharing;
    const uint kv_head = gl_WorkGroupID.y * HEADS / group;
    // The longest blocks first.
    const uint block_rows = sharing / DIM_SPLIT * QUERY_ROWS;
    const uint block = (first_block + gl_NumWorkGroups.x - 1 - gl_WorkGroupID.x) * block_rows;
    const uint query0 = block + subgroup % sharing / DIM_SPLIT * QUERY_ROWS; // in the chunk
    const uint token0 = first_token + query0;
    const uint row_part = query0 / SUM_ROWS % ROW_PARTS; // of the tile that the first query is in
    const uint tile0 = subgroup % DIM_SPLIT * SUM_TILES; // of the sums, in the head
    [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
#if !READS_QUERIES
        [[unroll]] for (uint d = 0; d < DIM_TILES; d++) {
            LOAD_LEFT(queries[i][d], q_words,
                      ((head * query_tiles + query0 / SIDE + i) * DIM_TILES + d) * LANES)
        }
#endif
        [[unroll]] for (uint d = 0; d < SUMS; d++)
            sums[i][d] = MATRIX_ZERO;
        [[unroll]] for (uint h = 0; h < SLOTS; h++) {
            highest[i][h] = LOWEST;
            total[i][h] = 0.0;
        }
    }
    const uint begin = window == 0u || first_token + block < window
                           ? 0u
                           : (first_token + block - window + 1) / STEP_KEYS;
    const uint end =
        (first_token + min(block + block_rows, n_tokens) - 1) / STEP_KEYS + 1;
    uvec4 fetched[WORDS];
    FETCH(KEYS, begin)
    STORE(KEYS)
    for (uint now = begin; now < end; now++) {
        barrier(); // the keys are there, the values before are done with
        MATRIX_C scores[ROW_TILES][SCORES];
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
            [[unroll]] for (uint j = 0; j < SCORES; j++)
                scores[i][j] = MATRIX_ZERO;
#if READS_QUERIES
        [[dont_unroll]]
#else
        [[unroll]]
#endif
        for (uint d = 0; d < DIM_TILES; d++) {
#if READS_QUERIES
            MATRIX_A query;
            LOAD_LEFT(query, q_words,
                      ((head * query_tiles + query0 / SIDE) * DIM_TILES + d) * LANES +
                          row_part * LEFT_WORDS)
#endif
            [[unroll]] for (uint j = 0; j < SCORES; j++) {
                MATRIX_B key_tile;
                LOAD_RIGHT(key_tile, kv_shared,
                           KEYS * STEP_WORDS + (j / COLUMN_PARTS * DIM_TILES + d) * LANES +
                               j % COLUMN_PARTS * RIGHT_WORDS)
#if READS_QUERIES
                scores[0][j] = MULTIPLY(query, key_tile, scores[0][j]);
#else
                [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
                    scores[i][j] = MULTIPLY(queries[i][d], key_tile, scores[i][j]);
#endif
            }
        }
        FETCH(VALUES, now)
        // Keys after the query and before its window count for nothing.
        if (CAPPED != 0u || (now + 1) * STEP_KEYS > token0 ||
            window != 0u && now * STEP_KEYS + window <= token0 + QUERY_ROWS - 1) {
            [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
                [[unroll]] for (uint j = 0; j < SCORES; j++) {
                    [[unroll]] for (uint e = 0; e < 8; e++) {
                        const uint token = token0 + i * SUM_ROWS + element_of(e) / SIDE;
                        const uint key = now * STEP_KEYS + j * SUM_COLUMNS + element_of(e) % SIDE;
                        const bool seen = key <= token && (window == 0u || key + window > token);
                        const float s = scores[i][j][e];
                        scores[i][j][e] = !seen          ? HIDDEN
                                          : CAPPED != 0u ? cap * tanh(s / cap)
                                                         : s;
                    }
                }
            }
        }
        float factor[ROW_TILES][SLOTS];
        bool grew = false;
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
            [[unroll]] for (uint h = 0; h < SLOTS; h++) {
                float most = highest[i][h];
                [[unroll]] for (uint j = 0; j < SCORES; j++)
                    [[unroll]] for (uint e = 0; e < ELEMENTS; e++)
                        most = max(most, scores[i][j][h * ELEMENTS + e]);
                most = row_max(most);
                factor[i][h] = exp2(highest[i][h] - most);
                grew = grew || most > highest[i][h];
                highest[i][h] = most;
            }
        }
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
            [[unroll]] for (uint h = 0; h < SLOTS; h++) {
                float sum = 0.0;
                [[unroll]] for (uint j = 0; j < SCORES; j++) {
                    [[unroll]] for (uint e = 0; e < ELEMENTS; e++) {
                        const float chance =
                            exp2(scores[i][j][h * ELEMENTS + e] - highest[i][h]);
                        scores[i][j][h * ELEMENTS + e] = chance;
                        sum += chance;
                    }
                }
                total[i][h] = total[i][h] * factor[i][h] + sum;
            }
        }
        if (ANY(grew)) {
            [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
                [[unroll]] for (uint d = 0; d < SUMS; d++)
                    [[unroll]] for (uint e = 0; e < 8; e++)
                        sums[i][d][e] *= factor[i][e / ELEMENTS];
        }
        MATRIX_A chances[ROW_TILES][KEY_TILES];
        [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
            [[unroll]] for (uint j = 0; j < KEY_TILES; j++)
#ifdef MATRIX_TRANSPOSED
                LEFT_OF_SUMS(chances[i][j], scores[i], j * COLUMN_PARTS)
#else
                [[unroll]] for (uint e = 0; e < 8; e++)
                    chances[i][j][e] = float16_t(scores[i][j][e]);
#endif
        STORE(VALUES)
        barrier(); // the values are there, the keys are done with
        FETCH(KEYS, min(now + 1, end - 1))
        [[unroll]] for (uint j = 0; j < KEY_TILES; j++) {
            [[unroll]] for (uint d = 0; d < SUMS; d++) {
                MATRIX_B value_tile;
                LOAD_RIGHT(value_tile, kv_shared,
                           VALUES * STEP_WORDS +
                               (j * DIM_TILES + tile0 + d / COLUMN_PARTS) * LANES +
                               d % COLUMN_PARTS * RIGHT_WORDS)
                [[unroll]] for (uint i = 0; i < ROW_TILES; i++)
                    sums[i][d] = MULTIPLY(chances[i][j], value_tile, sums[i][d]);
            }
        }
        STORE(KEYS)
    }
    // As the left operand of the output projection.
    [[unroll]] for (uint i = 0; i < ROW_TILES; i++) {
        [[unroll]] for (uint h = 0; h < SLOTS; h++) {
            float sum = total[i][h];
            sum = row_sum(sum);
            total[i][h] = 1.0 / sum;
        }
        const uint row_tile = query0 / SIDE + i, k_tiles = n_heads * DIM_TILES;
        [[unroll]] for (uint d = 0; d < SUMS; d++) {
            MATRIX_C result;
            [[unroll]] for (uint e = 0; e < 8; e++)
                result[e] = sums[i][d][e] * total[i][e / ELEMENTS];
            const uint k_tile = head * DIM_TILES + tile0 + d / COLUMN_PARTS;
            const uint word = row_part * LEFT_WORDS + d % COLUMN_PARTS * SUBGROUP_LANES + lane;
            out_words[((row_tile / PANEL * k_tiles + k_tile) * PANEL + row_tile % PANEL) * LANES +
                      word] = left_word(result);
        }
    }
}
