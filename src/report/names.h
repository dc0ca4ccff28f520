// SPDX-License-Identifier: MIT
// Names to look others up in, however many there are.
#ifndef VKH_REPORT_NAMES_H
#define VKH_REPORT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct vkh_arena;

struct vkh_names {
    struct vkh_name *sorted;
    uint32_t n;
};

// Of names[n], which must stay; in the arena. False when out of memory.
bool vkh_names_sort(const char *const *names, uint32_t n, struct vkh_arena *arena,
                    struct vkh_names *sorted);

// The index of the first of them that is called so; n when there is none, or `name` is NULL.
uint32_t vkh_names_find(const struct vkh_names *names, const char *name);

#endif
