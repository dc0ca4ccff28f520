// SPDX-License-Identifier: MIT
#ifndef VKH_REPORT_OWNED_H
#define VKH_REPORT_OWNED_H

#include <vkhrope/perplexity.h>

#include "base/arena.h"

// What vkh_ppl_results_destroy takes: results with the memory that everything in them lies in,
// `next` included. Of calloc.
struct vkh_owned_results {
    struct vkh_ppl_results results; // first: what the caller holds
    struct vkh_arena arena;
};

#endif
