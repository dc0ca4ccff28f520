// SPDX-License-Identifier: MIT
// Cooperative matrices in tiles of SIDE x SIDE, and how these lie in buffers: as a subgroup holds
// them, words of eight halves, one an invocation, invocation after invocation. Which element a half
// is, a device tells when it is opened (src/gpu/matrix.h); a layout has four bits for each bit of the
// half's place, which name the bit of row * SIDE + column that it is. The includer declares the
// extensions and defines MATRIX_SIDE, and MATRIX_TRANSPOSED where the device is given the transposed
// product: its right operand is then the left one here, and a subgroup holds OPERAND_COPIES of each.
// Where accumulators are MATRIX_ROWS x MATRIX_COLUMNS, several of them are a tile, those beside each
// other first: as many left operands as it has rows of them, and right ones as columns.
// MATRIX_EMULATED is for tests.

const uint SIDE = MATRIX_SIDE;
#ifdef MATRIX_ROWS
const uint SUM_ROWS = MATRIX_ROWS, SUM_COLUMNS = MATRIX_COLUMNS;
#else
const uint SUM_ROWS = SIDE, SUM_COLUMNS = SIDE;
#endif
layout(constant_id = 0) const uint LAYOUT_A = 0; // of left operands
layout(constant_id = 1) const uint LAYOUT_B = 0; // of right operands
layout(constant_id = 2) const uint LAYOUT_C = 0; // of accumulators
layout(constant_id = 3) const uint COLUMN_LANES = 0; // bits of the word that are columns

const uint LANES = SIDE * SIDE / 8;                     // words of a tile
const uint SUBGROUP_LANES = SUM_ROWS * SUM_COLUMNS / 8; // each with a word of an accumulator
const uint ROW_PARTS = SIDE / SUM_ROWS, COLUMN_PARTS = SIDE / SUM_COLUMNS; // accumulators of a tile
const uint LEFT_WORDS = LANES / ROW_PARTS, RIGHT_WORDS = LANES / COLUMN_PARTS; // of an operand
const uint PANEL = 8;                                   // tiles side by side

// Bits of an accumulator's index that are rows: src/gpu/matrix_order.c holds the device to it.
#if defined(MATRIX_TRANSPOSED)
const uint ROW_ELEMENTS = 0;
#elif MATRIX_SIDE == 16
const uint ROW_ELEMENTS = 4;
#else
const uint ROW_ELEMENTS = 7;
#endif

#include "common/order.glsl"

// With MATRIX_BF16 the build makes bfloat16 of float16_t: bits and conversions alone may have it.
#ifdef MATRIX_BF16
#include "common/bfloat.glsl"
#define operand_pair bfloat_pair
#else
#define operand_pair half_pair
#endif

#ifdef MATRIX_EMULATED
#include "emulated.glsl"
#else
#define LANE gl_SubgroupInvocationID
#define SUBGROUP gl_SubgroupID
#define SHUFFLE_XOR(value, mask) subgroupShuffleXor(value, mask)
#define ANY(value) subgroupAny(value)
#ifdef MATRIX_TRANSPOSED
#define MATRIX_A coopmat<float16_t, gl_ScopeSubgroup, SIDE, SUM_ROWS, gl_MatrixUseB>
#define MATRIX_B coopmat<float16_t, gl_ScopeSubgroup, SUM_COLUMNS, SIDE, gl_MatrixUseA>
#define MATRIX_C coopmat<float, gl_ScopeSubgroup, SUM_COLUMNS, SUM_ROWS, gl_MatrixUseAccumulator>
#define MULTIPLY(a, b, sum) coopMatMulAdd(b, a, sum)
#else
#define MATRIX_A coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseA>
#define MATRIX_B coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseB>
#define MATRIX_C coopmat<float, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseAccumulator>
#define MULTIPLY(a, b, sum) coopMatMulAdd(a, b, sum)
#endif
#define MATRIX_ZERO MATRIX_C(0.0)
#endif

// The same for element i of a tile's first accumulator in this invocation.
uint element_of(uint i)
{
    return element_at(LAYOUT_C, LANE * 8 + i);
}

// Elements of one row share a slot.
uint slot_of(uint i)
{
    return i & ROW_ELEMENTS;
}

// A word's halves as a fragment: macros, as a fragment that a function returns is copied (NVIDIA). The
// middle words of a left operand change places: so NVIDIA's instructions want them.
#define PAIR_TO_TILE(m, at, bits)                                                                  \
    pair_ = unpackFloat2x16(bits);                                                                 \
    m[at] = pair_.x;                                                                               \
    m[(at) + 1] = pair_.y;
#define LEFT_TILE(m, word)                                                                         \
    {                                                                                              \
        f16vec2 pair_;                                                                             \
        PAIR_TO_TILE(m, 0, (word).x)                                                               \
        PAIR_TO_TILE(m, 4, (word).y)                                                               \
        PAIR_TO_TILE(m, 2, (word).z)                                                               \
        PAIR_TO_TILE(m, 6, (word).w)                                                               \
    }
#define RIGHT_TILE(m, word)                                                                        \
    {                                                                                              \
        f16vec2 pair_;                                                                             \
        PAIR_TO_TILE(m, 0, (word).x)                                                               \
        PAIR_TO_TILE(m, 2, (word).y)                                                               \
        PAIR_TO_TILE(m, 4, (word).z)                                                               \
        PAIR_TO_TILE(m, 6, (word).w)                                                               \
    }

// A fragment from `words`, where the operand begins at `first`; `lane` is LANE.
#ifdef MATRIX_TRANSPOSED
#define SET_WORD(m, at, word)                                                                      \
    {                                                                                              \
        f16vec2 pair_;                                                                             \
        PAIR_TO_TILE(m, at, (word).x)                                                              \
        PAIR_TO_TILE(m, at + 2, (word).y)                                                          \
        PAIR_TO_TILE(m, at + 4, (word).z)                                                          \
        PAIR_TO_TILE(m, at + 6, (word).w)                                                          \
    }
#define LOAD_WORDS(m, words, first, n)                                                             \
    if ((n) * OPERAND_COPIES == SUBGROUP_LANES) {                                                  \
        SET_WORD(m, 0, words[(first) + lane])                                                      \
    } else {                                                                                       \
        SET_WORD(m, 0, words[(first) + lane % ((n) / 2)])                                          \
        SET_WORD(m, 8, words[(first) + lane % ((n) / 2) + (n) / 2])                                \
    }
#define LOAD_LEFT(m, words, first) LOAD_WORDS(m, words, first, LEFT_WORDS)
#define LOAD_RIGHT(m, words, first) LOAD_WORDS(m, words, first, RIGHT_WORDS)
#else
#define LOAD_LEFT(m, words, first) LEFT_TILE(m, words[(first) + lane])
#define LOAD_RIGHT(m, words, first)                                                                \
    const uvec4 word = words[(first) + lane];                                                      \
    RIGHT_TILE(m, word)
#endif

uint half_pair(float low, float high)
{
    return packFloat2x16(f16vec2(float16_t(low), float16_t(high)));
}

// An accumulator as the word of a left operand: both lie alike.
uvec4 left_word(MATRIX_C m)
{
#ifdef MATRIX_TRANSPOSED
    return uvec4(operand_pair(m[0], m[1]), operand_pair(m[2], m[3]), operand_pair(m[4], m[5]),
                 operand_pair(m[6], m[7]));
#else
    return uvec4(operand_pair(m[0], m[1]), operand_pair(m[4], m[5]), operand_pair(m[2], m[3]),
                 operand_pair(m[6], m[7]));
#endif
}

// Accumulators beside each other, from `at` on, as a fragment.
#if defined(MATRIX_ROWS)
#define LEFT_OF_SUMS(m, sums, at)                                                                  \
    {                                                                                              \
        const uvec4 first_ = left_word(sums[at]), second_ = left_word(sums[(at) + 1]);             \
        SET_WORD(m, 0, first_)                                                                     \
        SET_WORD(m, 8, second_)                                                                    \
    }
#elif defined(MATRIX_TRANSPOSED)
// What the other half of the subgroup has, comes from there.
#define LEFT_OF_SUMS(m, sums, at)                                                                  \
    {                                                                                              \
        const uvec4 own_ = left_word(sums[at]);                                                    \
        if (OPERAND_COPIES == 1) {                                                                 \
            SET_WORD(m, 0, own_)                                                                   \
        } else {                                                                                   \
            const uvec4 other_ = SHUFFLE_XOR(own_, LANES / 2);                                     \
            const bool second_ = lane >= LANES / 2;                                                \
            SET_WORD(m, 0, mix(own_, other_, bvec4(second_)))                                      \
            SET_WORD(m, 8, mix(other_, own_, bvec4(second_)))                                      \
        }                                                                                          \
    }
#endif

// Bits of an invocation's number. Loops that end at a shift are not unrolled by spirv-opt.
const uint LANE_BITS = SUBGROUP_LANES == 32 ? 5 : SUBGROUP_LANES == 16 ? 4 : 3;

// Over the invocations that hold the same row.
float row_max(float value)
{
    [[unroll]] for (uint bit = 0; bit < LANE_BITS; bit++)
        if ((COLUMN_LANES >> bit & 1u) != 0u)
            value = max(value, SHUFFLE_XOR(value, 1u << bit));
    return value;
}

float row_sum(float value)
{
    [[unroll]] for (uint bit = 0; bit < LANE_BITS; bit++)
        if ((COLUMN_LANES >> bit & 1u) != 0u)
            value += SHUFFLE_XOR(value, 1u << bit);
    return value;
}
