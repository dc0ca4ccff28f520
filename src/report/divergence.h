// SPDX-License-Identifier: MIT
// How far each method is from the one that it is compared with, as text.
#ifndef VKH_REPORT_DIVERGENCE_H
#define VKH_REPORT_DIVERGENCE_H

#include <stdbool.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"

enum { VKH_DIVERGENCE_COLUMNS = 10, VKH_DIVERGENCE_METHOD = 1 }; // the column of names

// What a line of a method and length says; the reference has none.
struct vkh_divergence {
    const char *title;                           // what is compared; NULL: nothing is
    uint32_t n_rows;                             // the first is the header
    const char *(*rows)[VKH_DIVERGENCE_COLUMNS]; // [n_rows]
};

// False when out of memory. Everything lives in the arena or in `results`.
bool vkh_divergence_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                         struct vkh_divergence *divergence);

// A method that is itself the reference.
bool vkh_divergence_is_reference(const struct vkh_ppl_results *results, uint32_t method);

#endif
