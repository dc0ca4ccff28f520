// SPDX-License-Identifier: MIT
// Cooperative matrices of SIDE x SIDE, and how they lie in buffers. A tile is the matrix as a
// subgroup holds it: words of eight halves, one an invocation, invocation after invocation. Which
// element a half is, a device tells when it is opened (src/gpu/matrix.h); a layout has four bits for
// each bit of the half's place, which name the bit of row * SIDE + column that it is. The includer
// declares the extensions and defines MATRIX_SIDE, and MATRIX_TRANSPOSED where the device is given
// the transposed product: its right operand is then the left one here, and both have OPERAND_WORDS
// words an invocation. MATRIX_EMULATED is for tests.

const uint SIDE = MATRIX_SIDE;
layout(constant_id = 0) const uint LAYOUT_A = 0; // of left operands
layout(constant_id = 1) const uint LAYOUT_B = 0; // of right operands
layout(constant_id = 2) const uint LAYOUT_C = 0; // of accumulators
layout(constant_id = 3) const uint COLUMN_LANES = 0; // bits of the invocation that are columns

const uint LANES = SIDE * SIDE / 8; // of a subgroup
const uint PANEL = 8;               // tiles side by side

// Bits of an accumulator's index that are rows: all devices of one side agree (src/gpu/matrix.c).
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
#define MATRIX_A coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseB>
#define MATRIX_B coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseA>
#define MULTIPLY(a, b, sum) coopMatMulAdd(b, a, sum)
#else
#define MATRIX_A coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseA>
#define MATRIX_B coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseB>
#define MULTIPLY(a, b, sum) coopMatMulAdd(a, b, sum)
#endif
#define MATRIX_C coopmat<float, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseAccumulator>
#define MATRIX_ZERO MATRIX_C(0.0)
#endif

// The same for element i of an accumulator in this invocation.
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

// A fragment from `words`, whose tile begins at `first`; `lane` is LANE.
#ifdef MATRIX_TRANSPOSED
#define SET_WORD(m, at, word)                                                                      \
    {                                                                                              \
        f16vec2 pair_;                                                                             \
        PAIR_TO_TILE(m, at, (word).x)                                                              \
        PAIR_TO_TILE(m, at + 2, (word).y)                                                          \
        PAIR_TO_TILE(m, at + 4, (word).z)                                                          \
        PAIR_TO_TILE(m, at + 6, (word).w)                                                          \
    }
#define LOAD_LEFT(m, words, first)                                                                 \
    if (OPERAND_WORDS == 1) {                                                                      \
        SET_WORD(m, 0, words[(first) + lane])                                                      \
    } else {                                                                                       \
        SET_WORD(m, 0, words[(first) + lane % (LANES / 2)])                                        \
        SET_WORD(m, 8, words[(first) + lane % (LANES / 2) + LANES / 2])                            \
    }
#define LOAD_RIGHT LOAD_LEFT
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

#ifdef MATRIX_TRANSPOSED
// The same as a fragment: what the other half of the subgroup has, comes from there.
#define LEFT_OF_SUM(m, sum)                                                                        \
    {                                                                                              \
        const uvec4 own_ = left_word(sum);                                                         \
        if (OPERAND_WORDS == 1) {                                                                  \
            SET_WORD(m, 0, own_)                                                                   \
        } else {                                                                                   \
            const uvec4 other_ = SHUFFLE_XOR(own_, LANES / 2);                              \
            const bool second_ = lane >= LANES / 2;                                                \
            SET_WORD(m, 0, mix(own_, other_, bvec4(second_)))                                      \
            SET_WORD(m, 8, mix(other_, own_, bvec4(second_)))                                      \
        }                                                                                          \
    }
#endif

// Over the invocations that hold the same row.
float row_max(float value)
{
    [[unroll]] for (uint bit = 0; bit < 5; bit++)
        if ((COLUMN_LANES >> bit & 1u) != 0u)
            value = max(value, SHUFFLE_XOR(value, 1u << bit));
    return value;
}

float row_sum(float value)
{
    [[unroll]] for (uint bit = 0; bit < 5; bit++)
        if ((COLUMN_LANES >> bit & 1u) != 0u)
            value += SHUFFLE_XOR(value, 1u << bit);
    return value;
}
