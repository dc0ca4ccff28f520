// SPDX-License-Identifier: MIT
// IEEE 754 binary16 and bfloat16 on the host.
#ifndef VKH_BASE_HALF_H
#define VKH_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float vkh_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t vkh_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float vkh_from_bf16(uint16_t b)
{
    return vkh_float_from_bits((uint32_t)b << 16);
}

// Round to nearest, ties to even.
static inline uint16_t vkh_to_bf16(float value)
{
    const uint32_t bits = vkh_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// Exact, subnormals, infinities and NaN included.
static inline float vkh_from_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t magnitude = h & 0x7fffu;
    if (magnitude >= 0x7c00u)
        return vkh_float_from_bits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    // Bits below the exponent bias difference scale exactly by 2^112.
    const float scaled = vkh_float_from_bits(magnitude << 13) * 0x1p112f;
    return vkh_float_from_bits(sign | vkh_float_bits(scaled));
}

// Round to nearest, ties to even; overflow becomes infinity.
static inline uint16_t vkh_to_half(float value)
{
    const uint32_t bits = vkh_float_bits(value);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {
        // Adding 0.5 leaves the subnormal's bits, rounded, at the bottom of the mantissa.
        const float shifted = vkh_float_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (vkh_float_bits(shifted) - 0x3f000000u));
    }
    const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

#endif
