// SPDX-License-Identifier: MIT
// Blocks of 256: two levels of scales, an fp16 for the block and small integers for groups of 16
// or 32. Element e's place in a plane of bits follows from its parts: e / 128, e / 32 and e % 32.
#include "base/blocks.h"

#include "base/half.h"

enum { BLOCK = 256 };

static float half_at(const uint8_t *bytes)
{
    return vkh_from_half(vkh_load16(bytes));
}

// Two bits of each element: 32 bytes for every 128, the lowest bits first.
static int two_bits(const uint8_t *plane, unsigned e)
{
    return plane[e / 128 * 32 + e % 32] >> 2 * (e / 32 % 4) & 3;
}

// Four bits of each element: 32 bytes for every 64, the low halves first.
static int four_bits(const uint8_t *plane, unsigned e)
{
    return plane[e / 64 * 32 + e % 32] >> 4 * (e / 32 % 2) & 15;
}

// One bit of each element: bit e / 32 of byte e % 32.
static int one_bit(const uint8_t *plane, unsigned e)
{
    return plane[e % 32] >> e / 32 & 1;
}

void vkh_q2_k_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // 16 scales and minima, quants, d, dmin
    for (uint64_t i = 0; i < n; i += BLOCK, block += 84) {
        for (unsigned e = 0; e < BLOCK; e++) {
            const uint8_t scales = block[e / 16];
            const float scale = half_at(block + 80) * (float)(scales & 15);
            const float minimum = half_at(block + 82) * (float)(scales >> 4);
            dst[i + e] = scale * (float)two_bits(block + 16, e) - minimum;
        }
    }
}

// Group g of 16's 6-bit scale: four bits in the first 8 bytes, two in the last 4.
static int q3_scale(const uint8_t *scales, unsigned g)
{
    const int low = scales[g % 8] >> (g < 8 ? 0 : 4) & 15;
    const int high = scales[8 + g % 4] >> 2 * (g / 4) & 3;
    return (low | high << 4) - 32;
}

void vkh_q3_k_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // high bits, low bits, scales, d
    for (uint64_t i = 0; i < n; i += BLOCK, block += 110) {
        for (unsigned e = 0; e < BLOCK; e++) {
            const float scale = half_at(block + 108) * (float)q3_scale(block + 96, e / 16);
            const int quant = two_bits(block + 32, e) | one_bit(block, e) << 2;
            dst[i + e] = scale * (float)(quant - 4);
        }
    }
}

// Group g of 32's 6-bit scale and minimum. Those of groups 0 to 3 lie in bytes 0 to 3 and 4 to 7;
// those of 4 to 7 are halves of bytes 8 to 11, with their upper two bits above the former.
static void q4_scales(const uint8_t *bytes, unsigned g, int *scale, int *minimum)
{
    if (g < 4) {
        *scale = bytes[g] & 63;
        *minimum = bytes[g + 4] & 63;
    } else {
        *scale = (bytes[g + 4] & 15) | bytes[g - 4] >> 6 << 4;
        *minimum = bytes[g + 4] >> 4 | bytes[g] >> 6 << 4;
    }
}

// `block` begins with d, dmin and the scales of Q4_K and Q5_K.
static float with_minimum(const uint8_t *block, unsigned e, int quant)
{
    int scale, minimum;
    q4_scales(block + 4, e / 32, &scale, &minimum);
    return half_at(block) * (float)scale * (float)quant - half_at(block + 2) * (float)minimum;
}

void vkh_q4_k_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // d, dmin, scales, quants
    for (uint64_t i = 0; i < n; i += BLOCK, block += 144)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = with_minimum(block, e, four_bits(block + 16, e));
}

void vkh_q5_k_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // d, dmin, scales, high bits, low bits
    for (uint64_t i = 0; i < n; i += BLOCK, block += 176)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] =
                with_minimum(block, e, four_bits(block + 48, e) | one_bit(block + 16, e) << 4);
}

// Low bits of Q6_K: 64 bytes for every 128, the low halves for the first 64 of them.
static int q6_low(const uint8_t *plane, unsigned e)
{
    return plane[e / 128 * 64 + e % 64] >> 4 * (e / 64 % 2) & 15;
}

void vkh_q6_k_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // low bits, high bits, scales, d
    for (uint64_t i = 0; i < n; i += BLOCK, block += 210) {
        for (unsigned e = 0; e < BLOCK; e++) {
            const float scale = half_at(block + 208) * (float)(int8_t)block[192 + e / 16];
            const int quant = q6_low(block, e) | two_bits(block + 128, e) << 4;
            dst[i + e] = scale * (float)(quant - 32);
        }
    }
}

void vkh_iq4_xs_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src; // d, high bits of scales, low bits, quants
    for (uint64_t i = 0; i < n; i += BLOCK, block += 136) {
        for (unsigned e = 0; e < BLOCK; e++) {
            const unsigned g = e / 32;
            const int low = block[4 + g / 2] >> 4 * (g % 2) & 15;
            const int high = vkh_load16(block + 2) >> 2 * g & 3;
            const float scale = half_at(block) * (float)((low | high << 4) - 32);
            const int quant = block[8 + 16 * g + e % 16] >> (e % 32 < 16 ? 0 : 4) & 15;
            dst[i + e] = scale * (float)vkh_iq4_values[quant];
        }
    }
}
