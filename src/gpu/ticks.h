// SPDX-License-Identifier: MIT
// Arithmetic of a device's timestamps.
#ifndef VKH_GPU_TICKS_H
#define VKH_GPU_TICKS_H

#include <stdint.h>

#include "base/size.h"

// Ticks from `begin` to `end` of a submit that lie after `last`, the end of the one before it on
// the same queue: where the two overlap, they count once. The clock has `bits` valid bits, 36 to
// 64, and after the largest value begins again at 0. 0 where the clock went back.
static inline uint64_t vkh_ticks_spent(uint64_t begin, uint64_t end, uint64_t last, uint32_t bits)
{
    const uint64_t mask = UINT64_MAX >> (64 - bits);
    const uint64_t whole = (end - begin) & mask, since = (end - last) & mask;
    return whole <= mask / 2 ? vkh_min_size(whole, since) : 0;
}

#endif
