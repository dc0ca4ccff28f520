// SPDX-License-Identifier: MIT
// The numbers of a table that follow from those of its texts: the same whether a run computed all
// of the texts or its shards did.
#ifndef VKH_BASE_AVERAGE_H
#define VKH_BASE_AVERAGE_H

#include <stdint.h>
#include <vkhrope/perplexity.h>

// How many numbers, their mean, and their sample standard deviation, 0 where there are fewer than
// two.
struct vkh_moments {
    uint64_t n;
    double mean, deviation;
};

// Of the numbers of both.
struct vkh_moments vkh_moments_join(struct vkh_moments a, struct vkh_moments b);

// Fills what a cell has of its texts' parts, which are `stride` elements apart: tokens_scored, NLL,
// PPL, the errors, the macro averages. Joined in the order of the texts.
void vkh_average_texts(const struct vkh_ppl_text_cell *first, uint64_t stride, uint32_t n_texts,
                       struct vkh_ppl_cell *cell);

// Fills vs_baseline_percent of cells[n_methods][n_lengths], whose method and ppl are there.
void vkh_average_compare(struct vkh_ppl_cell *cells, uint32_t n_methods, uint32_t n_lengths);

// Fills a sweep's `best` from such cells: of those of its methods that move anything at a length.
void vkh_average_best(struct vkh_ppl_sweep *sweep, const struct vkh_ppl_cell *cells,
                      uint32_t n_lengths);

#endif
