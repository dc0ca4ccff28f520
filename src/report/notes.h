// SPDX-License-Identifier: MIT
#ifndef VKH_REPORT_NOTES_H
#define VKH_REPORT_NOTES_H

#include <stdbool.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"

struct vkh_notes {
    const char **lines;
    uint32_t n;
};

// False when out of memory. Everything lives in the arena or in `results`.
bool vkh_notes_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                    struct vkh_notes *notes);

#endif
