// SPDX-License-Identifier: MIT
// The numbers of a table that follow from those of its texts: the same whether a run computed all
// of the texts or its shards did.
#ifndef VKH_BASE_AVERAGE_H
#define VKH_BASE_AVERAGE_H

#include <stdbool.h>
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

// A text's part as moments, and back.
struct vkh_moments vkh_moments_of(const struct vkh_ppl_text_cell *part);
struct vkh_ppl_text_cell vkh_moments_part(struct vkh_moments moments);

// Fills what a cell has of its texts' parts, which are `stride` elements apart: tokens_scored, NLL,
// PPL, the errors, the macro averages. Joined in the order of the texts.
void vkh_average_texts(const struct vkh_ppl_text_cell *first, uint64_t stride, uint32_t n_texts,
                       struct vkh_ppl_cell *cell);

// Fills nll and standard_error, [n_methods][n_buckets], and the buckets' tokens from the parts of a
// curve's texts. False when a bucket has none, or more of them in one method than in another.
bool vkh_average_curve(const struct vkh_ppl_text_cell *texts, uint32_t n_texts, uint32_t n_methods,
                       struct vkh_ppl_bucket *buckets, uint32_t n_buckets, double *nll,
                       double *standard_error);

// Fills vs_baseline_percent of cells[n_methods][n_lengths], whose method and ppl are there.
void vkh_average_compare(struct vkh_ppl_cell *cells, uint32_t n_methods, uint32_t n_lengths);

// Fills a sweep's `best` from such cells: of those of its methods that move anything at a length.
void vkh_average_best(struct vkh_ppl_sweep *sweep, const struct vkh_ppl_cell *cells,
                      uint32_t n_lengths);

#endif
