// SPDX-License-Identifier: MIT
// Checked 64-bit sizes.
#ifndef VKH_BASE_SIZE_H
#define VKH_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define VKH_COUNTOF(a) (sizeof(a) / sizeof((a)[0]))

// Each returns false and leaves *out unspecified when the result does not fit 64 bits.
static inline bool vkh_mul_size(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool vkh_add_size(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline uint64_t vkh_min_size(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t vkh_max_size(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// The result must fit; `unit` is not 0.
static inline uint64_t vkh_div_up(uint64_t a, uint64_t unit)
{
    return a / unit + (a % unit != 0);
}

static inline uint64_t vkh_round_up(uint64_t a, uint64_t unit)
{
    return vkh_div_up(a, unit) * unit;
}

#endif
