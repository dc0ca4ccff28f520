// SPDX-License-Identifier: MIT
// Blocks of 32. A byte of 4-bit quants holds elements j (low half) and j + 16; the fifth bits of
// Q5_0 and Q5_1 are a word whose bit e is element e's.
#include "base/blocks.h"

#include "base/half.h"

enum { BLOCK = 32 };

const int8_t vkh_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};

static int nibble(const uint8_t *quants, unsigned e)
{
    return quants[e % 16] >> (e < 16 ? 0 : 4) & 15;
}

static int fifth_bit(const uint8_t *bits, unsigned e)
{
    return (bits[e / 8] >> e % 8 & 1) << 4;
}

static float half_at(const uint8_t *bytes)
{
    return vkh_from_half(vkh_load16(bytes));
}

void vkh_q4_0_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 18)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = half_at(block) * (float)(nibble(block + 2, e) - 8);
}

void vkh_q4_1_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 20)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = half_at(block) * (float)nibble(block + 4, e) + half_at(block + 2);
}

void vkh_q5_0_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 22)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] =
                half_at(block) * (float)((nibble(block + 6, e) | fifth_bit(block + 2, e)) - 16);
}

void vkh_q5_1_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 24)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = half_at(block) * (float)(nibble(block + 8, e) | fifth_bit(block + 4, e)) +
                         half_at(block + 2);
}

void vkh_q8_0_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 34)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = half_at(block) * (float)(int8_t)block[2 + e];
}

void vkh_iq4_nl_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += BLOCK, block += 18)
        for (unsigned e = 0; e < BLOCK; e++)
            dst[i + e] = half_at(block) * (float)vkh_iq4_values[nibble(block + 2, e)];
}
