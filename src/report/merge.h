// SPDX-License-Identifier: MIT
// Several runs' results as one's.
#ifndef VKH_REPORT_MERGE_H
#define VKH_REPORT_MERGE_H

#include <stdbool.h>
#include <vkhrope/perplexity.h>

// Results of one model and regime (`next` is not looked at), and what messages call them.
struct vkh_piece {
    const struct vkh_ppl_results *results;
    const char *name;
};

// Parts of one run, or of one shard of it, into the smallest block that holds them all; each cell
// is in one of them. VKH_ERR_ARGUMENT, naming what lacks, when they do not fill it.
// The NLL of tokens is kept where all have it. As from vkh_ppl_run.
enum vkh_status vkh_results_join(const struct vkh_piece *pieces, uint32_t n,
                                 const struct vkh_log *log, struct vkh_ppl_results **joined);

struct vkh_arena;

// Pieces that fit each other, put together in *results, which has its block and n_texts and is
// otherwise zeroed; in the arena.
enum vkh_status vkh_results_put_together(const struct vkh_piece *pieces, uint32_t n,
                                         struct vkh_arena *arena, const struct vkh_log *log,
                                         struct vkh_ppl_results *results);

#endif
