// SPDX-License-Identifier: MIT
#include "report/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct vkh_name {
    const char *text;
    uint32_t index;
};

static int compare(const void *a, const void *b)
{
    const struct vkh_name *x = a, *y = b;
    const int order = strcmp(x->text, y->text);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

bool vkh_names_sort(const char *const *names, uint32_t n, struct vkh_arena *arena,
                    struct vkh_names *sorted)
{
    *sorted = (struct vkh_names){vkh_arena_alloc(arena, n, sizeof(*sorted->sorted)), n};
    if (!sorted->sorted)
        return false;
    for (uint32_t i = 0; i < n; i++)
        sorted->sorted[i] = (struct vkh_name){names[i], i};
    qsort(sorted->sorted, n, sizeof(*sorted->sorted), compare);
    return true;
}

uint32_t vkh_names_find(const struct vkh_names *names, const char *name)
{
    uint32_t first = 0, end = name ? names->n : 0;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        if (strcmp(names->sorted[middle].text, name) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    const bool found = name && first < names->n && strcmp(names->sorted[first].text, name) == 0;
    return found ? names->sorted[first].index : names->n;
}
