// SPDX-License-Identifier: MIT
#ifndef VKH_REPORT_LABEL_H
#define VKH_REPORT_LABEL_H

#include <vkhrope/perplexity.h>

#include "base/arena.h"

// What tells one of a report's tables from the others: its model, then where they differ weights,
// regime, texts, device, … `all` is the first. NULL when out of memory.
const char *vkh_label_make(const struct vkh_ppl_results *all, const struct vkh_ppl_results *one,
                           struct vkh_arena *arena);

#endif
