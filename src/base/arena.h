// SPDX-License-Identifier: MIT
// Memory that is released all at once.
#ifndef VKH_BASE_ARENA_H
#define VKH_BASE_ARENA_H

#include <stddef.h>

struct vkh_arena_block;

// Zero-initialise.
struct vkh_arena {
    struct vkh_arena_block *head;
};

// Zeroed memory for `count` elements of `size` bytes, aligned for any type; NULL when out of
// memory or when count * size overflows.
void *vkh_arena_alloc(struct vkh_arena *arena, size_t count, size_t size);

// A terminated copy of `length` bytes; NULL when out of memory.
char *vkh_arena_strndup(struct vkh_arena *arena, const char *text, size_t length);

void vkh_arena_fini(struct vkh_arena *arena);

#endif
