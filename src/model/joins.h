// SPDX-License-Identifier: MIT
// Which characters are neighbours inside the tokens that merges make: between others a text may be
// cut before it is merged, whatever its length. A filter: now and then it takes strangers for
// neighbours, which only makes a longer piece.
#ifndef VKH_MODEL_JOINS_H
#define VKH_MODEL_JOINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"

struct vkh_arena;

// Zero-initialise.
struct vkh_joins {
    uint64_t *bits;
};

// False when out of memory.
bool vkh_joins_init(struct vkh_arena *arena, struct vkh_joins *joins);

// The neighbours in a token's text.
void vkh_joins_add(struct vkh_joins *joins, const char *text, uint64_t bytes);

// Whether the characters of n_left and n_right bytes, side by side, may be neighbours in a token.
bool vkh_joins_has(const struct vkh_joins *joins, const char *left, uint64_t n_left,
                   uint64_t n_right);

// Bytes of the character that begins there, of valid UTF-8 or, in a file's token, of anything.
static inline uint64_t vkh_joins_step(const char *text, uint64_t bytes)
{
    const uint8_t first = (uint8_t)text[0];
    const uint64_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return vkh_min_size(length, bytes);
}

#endif
