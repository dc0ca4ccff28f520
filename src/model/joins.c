// SPDX-License-Identifier: MIT
#include "model/joins.h"

#include <string.h>

#include "base/arena.h"
#include "model/hash.h"

// With the neighbours of a large vocabulary about one in ten is set.
enum { BITS = 1 << 21 };

bool vkh_joins_init(struct vkh_arena *arena, struct vkh_joins *joins)
{
    joins->bits = vkh_arena_alloc(arena, BITS / 64, sizeof(*joins->bits));
    return joins->bits != NULL;
}

static uint64_t place_of(const char *left, uint64_t n_left, uint64_t n_right)
{
    uint64_t pair = 0;
    memcpy(&pair, left, n_left + n_right);
    return vkh_hash_u64(pair ^ n_left << 61) % BITS;
}

void vkh_joins_add(struct vkh_joins *joins, const char *text, uint64_t bytes)
{
    if (bytes == 0)
        return;
    uint64_t left = vkh_joins_step(text, bytes), right;
    for (uint64_t at = 0; at + left < bytes; at += left, left = right) {
        right = vkh_joins_step(text + at + left, bytes - at - left);
        const uint64_t place = place_of(text + at, left, right);
        joins->bits[place / 64] |= (uint64_t)1 << place % 64;
    }
}

bool vkh_joins_has(const struct vkh_joins *joins, const char *left, uint64_t n_left,
                   uint64_t n_right)
{
    const uint64_t place = place_of(left, n_left, n_right);
    return joins->bits[place / 64] >> place % 64 & 1;
}
