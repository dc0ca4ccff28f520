// SPDX-License-Identifier: MIT
// AMD's cooperative matrices on any device, slowly: RDNA 3's, or RDNA 4's with EMULATED_HALVES, as
// tests/matrix_machines.h has them. Thirty-two invocations of a workgroup stand for a subgroup and
// exchange through shared memory, so all of a workgroup must get here together. In place of what
// shaders/common/matrix.glsl declares for a device.

#define LANE (gl_LocalInvocationIndex % 32u)
#define SUBGROUP (gl_LocalInvocationIndex / 32u)
#define MATRIX_A float16_t[16]
#define MATRIX_B float16_t[16]
#define MATRIX_C float[8]
#define MATRIX_ZERO float[8](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
#define MULTIPLY(a, b, sum) emulated_multiply(b, a, sum)
#define SHUFFLE_XOR(value, mask) emulated_shuffle(value, mask)
#define ANY(value) true

#ifdef EMULATED_HALVES
const uint EMULATED_HELD = 8;
#else
const uint EMULATED_HELD = 16;
#endif

shared float16_t emulated_left[EMULATED_INVOCATIONS][EMULATED_HELD];
shared float16_t emulated_right[EMULATED_INVOCATIONS][EMULATED_HELD];

// Element k of row or column `line`.
uint emulated_lane(uint line, uint k)
{
    return gl_LocalInvocationIndex / 32u * 32u + line + (EMULATED_HELD == 8 ? k / 8u * 16u : 0u);
}

float[8] emulated_multiply(float16_t[16] left, float16_t[16] right, float[8] sum)
{
    for (uint i = 0; i < EMULATED_HELD; i++) {
        emulated_left[gl_LocalInvocationIndex][i] = left[i];
        emulated_right[gl_LocalInvocationIndex][i] = right[i];
    }
    barrier();
    const uint half_ = LANE / 16u, column = LANE % 16u;
    float result[8];
    for (uint e = 0; e < 8; e++) {
        const uint row = EMULATED_HELD == 8 ? half_ * 8u + e : 2u * e + half_;
        float total = sum[e];
        for (uint k = 0; k < 16; k++)
            total += float(emulated_left[emulated_lane(row, k)][k % EMULATED_HELD]) *
                     float(emulated_right[emulated_lane(column, k)][k % EMULATED_HELD]);
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
        emulated_left[gl_LocalInvocationIndex][2 * i] = pair.x;
        emulated_left[gl_LocalInvocationIndex][2 * i + 1] = pair.y;
    }
    barrier();
    const uint from = gl_LocalInvocationIndex ^ mask;
    uvec4 got;
    for (uint i = 0; i < 4; i++)
        got[i] = packFloat2x16(f16vec2(emulated_left[from][2 * i], emulated_left[from][2 * i + 1]));
    barrier();
    return got;
}

float emulated_shuffle(float value, uint mask)
{
    return uintBitsToFloat(emulated_shuffle(uvec4(floatBitsToUint(value)), mask).x);
}
