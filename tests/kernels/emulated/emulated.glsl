// SPDX-License-Identifier: MIT
// GPUs' cooperative matrices on any device, slowly, as tests/matrix_machines.h has them: NVIDIA's
// without MATRIX_TRANSPOSED, RDNA 3's with it, RDNA 4's with EMULATED_HALVES, Intel's with accumulators
// of 16x8 (Xe2) or 8x8 (Xe-HPG). SUBGROUP_LANES invocations stand for a subgroup and exchange through
// shared memory, so all of a workgroup must get here together. In place of what
// shaders/common/matrix.glsl declares for a device.

#define LANE (gl_LocalInvocationIndex % SUBGROUP_LANES)
#define SUBGROUP (gl_LocalInvocationIndex / SUBGROUP_LANES)
#define MATRIX_A float16_t[16]
#define MATRIX_B float16_t[16]
#define MATRIX_C float[8]
#define MATRIX_ZERO float[8](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
#ifdef MATRIX_TRANSPOSED
#define MULTIPLY(a, b, sum) emulated_multiply(b, a, sum)
#else
#define MULTIPLY(a, b, sum) emulated_multiply(a, b, sum)
#endif
#define SHUFFLE_XOR(value, mask) emulated_shuffle(value, mask)
#define ANY(value) true

// The machine's left operand is EMULATED_M x 16, its right one 16 x EMULATED_N; elements of each that
// an invocation holds.
#ifdef MATRIX_TRANSPOSED
const uint EMULATED_M = SUM_COLUMNS, EMULATED_N = SUM_ROWS;
#else
const uint EMULATED_M = SUM_ROWS, EMULATED_N = SUM_COLUMNS;
#endif
#if defined(MATRIX_ROWS)
const uint EMULATED_LEFT = EMULATED_N == 16u ? 8 : 16, EMULATED_RIGHT = 16;
#elif defined(MATRIX_TRANSPOSED) && !defined(EMULATED_HALVES)
const uint EMULATED_LEFT = 16, EMULATED_RIGHT = 16;
#else
const uint EMULATED_LEFT = 8, EMULATED_RIGHT = 8;
#endif

// The fragments of each subgroup; where both halves hold one, it is written once.
const uint EMULATED_FRAGMENT = 16 * max(EMULATED_M, EMULATED_N);
shared float16_t emulated_left[EMULATED_INVOCATIONS / SUBGROUP_LANES * EMULATED_FRAGMENT];
shared float16_t emulated_right[EMULATED_INVOCATIONS / SUBGROUP_LANES * EMULATED_FRAGMENT];

// Where element k of a row of the left operand is among those, and of a column of the right one: by
// which invocation has it, and as its which.
#if defined(MATRIX_ROWS)
uint emulated_left_place(uint row, uint k)
{
    const uvec2 at = EMULATED_N == 16u ? uvec2(row % 2u * 8u + k / 2u, row / 2u * 2u + k % 2u)
                                       : uvec2(k / 2u, row * 2u + k % 2u);
    return at.x * EMULATED_LEFT + at.y;
}

uint emulated_right_place(uint column, uint k)
{
    return column * EMULATED_RIGHT + k;
}
#else
uint emulated_left_place(uint line, uint k)
{
#ifndef MATRIX_TRANSPOSED
    const uvec2 at = uvec2(line % 8u * 4u + k % 8u / 2u, line / 8u * 4u + k / 8u * 2u + k % 2u);
#elif defined(EMULATED_HALVES)
    const uvec2 at = uvec2(line + k / 8u * 16u, k % 8u);
#else
    const uvec2 at = uvec2(line, k);
#endif
    return at.x * EMULATED_LEFT + at.y;
}
#define emulated_right_place emulated_left_place
#endif

// Row and column of element e of a sum.
uvec2 emulated_sum(uint e)
{
#if defined(MATRIX_ROWS)
    return uvec2(e, LANE);
#elif !defined(MATRIX_TRANSPOSED)
    return uvec2(LANE / 4u + e / 4u * 8u, LANE % 4u * 2u + e % 2u + e / 2u % 2u * 8u);
#elif defined(EMULATED_HALVES)
    return uvec2(LANE / 16u * 8u + e, LANE % 16u);
#else
    return uvec2(2u * e + LANE / 16u, LANE % 16u);
#endif
}

float[8] emulated_multiply(float16_t[16] left, float16_t[16] right, float[8] sum)
{
    const uint first = SUBGROUP * EMULATED_FRAGMENT;
    for (uint i = 0; i < EMULATED_LEFT && LANE * EMULATED_LEFT < 16 * EMULATED_M; i++)
        emulated_left[first + LANE * EMULATED_LEFT + i] = left[i];
    for (uint i = 0; i < EMULATED_RIGHT && LANE * EMULATED_RIGHT < 16 * EMULATED_N; i++)
        emulated_right[first + LANE * EMULATED_RIGHT + i] = right[i];
    barrier();
    float result[8];
    for (uint e = 0; e < 8; e++) {
        const uvec2 at = emulated_sum(e);
        float total = sum[e];
        for (uint k = 0; k < 16; k++) {
            const uint l = first + emulated_left_place(at.x, k);
            const uint r = first + emulated_right_place(at.y, k);
            total += float(emulated_left[l]) * float(emulated_right[r]);
        }
        result[e] = total;
    }
    barrier();
    return result;
}

// By bits of halves, which the exchange is made of; exact.
uvec4 emulated_shuffle(uvec4 value, uint mask)
{
    for (uint i = 0; i < 4; i++) {
        const f16vec2 pair = unpackFloat2x16(value[i]);
        emulated_left[gl_LocalInvocationIndex * 8u + 2u * i] = pair.x;
        emulated_left[gl_LocalInvocationIndex * 8u + 2u * i + 1u] = pair.y;
    }
    barrier();
    const uint from = (gl_LocalInvocationIndex ^ mask) * 8u;
    uvec4 got;
    for (uint i = 0; i < 4; i++)
        got[i] = packFloat2x16(f16vec2(emulated_left[from + 2u * i], emulated_left[from + 2u * i + 1u]));
    barrier();
    return got;
}

float emulated_shuffle(float value, uint mask)
{
    return uintBitsToFloat(emulated_shuffle(uvec4(floatBitsToUint(value)), mask).x);
}
