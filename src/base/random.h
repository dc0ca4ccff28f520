// SPDX-License-Identifier: MIT
// Numbers without meaning, the same on every machine.
#ifndef VKH_BASE_RANDOM_H
#define VKH_BASE_RANDOM_H

#include <stdint.h>

#include "base/dtype.h"

// xorshift64*. *state is the seed at first, and not 0.
static inline uint64_t vkh_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

// Uniform in [-1, 1).
static inline float vkh_random_uniform(uint64_t *state)
{
    return (float)(vkh_random(state) >> 40) * 0x1p-23f - 1.0f;
}

// `n` elements, a multiple of the type's block, each about scale * uniform.
void vkh_random_fill(uint64_t *state, enum vkh_dtype type, void *to, uint64_t n, float scale);

#endif
