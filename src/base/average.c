// SPDX-License-Identifier: MIT
#include "base/average.h"

#include <math.h>
#include <string.h>

struct vkh_moments vkh_moments_join(struct vkh_moments a, struct vkh_moments b)
{
    if (a.n == 0 || b.n == 0)
        return a.n ? a : b;
    const double of_a = (double)a.n, of_b = (double)b.n, n = of_a + of_b;
    const double apart = b.mean - a.mean;
    const double squares = a.deviation * a.deviation * (of_a - 1) +
                           b.deviation * b.deviation * (of_b - 1) + apart * apart * of_a * of_b / n;
    return (struct vkh_moments){a.n + b.n, a.mean + apart * (of_b / n), sqrt(squares / (n - 1))};
}

struct vkh_moments vkh_moments_of(const struct vkh_ppl_text_cell *part)
{
    return (struct vkh_moments){part->tokens_scored, part->nll, part->deviation};
}

struct vkh_ppl_text_cell vkh_moments_part(struct vkh_moments moments)
{
    if (moments.n == 0)
        return (struct vkh_ppl_text_cell){0, NAN, NAN, NAN};
    return (struct vkh_ppl_text_cell){(uint32_t)moments.n, moments.mean, exp(moments.mean),
                                      moments.deviation};
}

// Of `n_texts` parts, `stride` elements apart.
static struct vkh_moments join_texts(const struct vkh_ppl_text_cell *first, uint64_t stride,
                                     uint32_t n_texts)
{
    struct vkh_moments all = {0, 0.0, 0.0};
    for (uint32_t i = 0; i < n_texts; i++)
        all = vkh_moments_join(all, vkh_moments_of(&first[i * stride]));
    return all;
}

// Averages over the texts that have a part, and their errors between them.
static void average_means(const struct vkh_ppl_text_cell *first, uint64_t stride, uint32_t n_texts,
                          struct vkh_ppl_cell *cell)
{
    const double n = cell->texts, correction = n / (n - 1.0);
    double sum = 0.0, weighted = 0.0, plain = 0.0;
    for (uint32_t i = 0; i < n_texts; i++)
        sum += first[i * stride].tokens_scored ? first[i * stride].nll : 0.0;
    cell->macro_nll = sum / n;
    for (uint32_t i = 0; i < n_texts; i++) {
        const struct vkh_ppl_text_cell *text = &first[i * stride];
        const double weight = text->tokens_scored / (double)cell->tokens_scored;
        if (text->tokens_scored == 0)
            continue;
        weighted += pow(weight * (text->nll - cell->nll), 2);
        plain += pow((text->nll - cell->macro_nll) / n, 2);
    }
    cell->macro_ppl = exp(cell->macro_nll);
    cell->text_error = n > 1 ? cell->ppl * sqrt(weighted * correction) : (double)NAN;
    cell->macro_error = n > 1 ? cell->macro_ppl * sqrt(plain * correction) : (double)NAN;
}

void vkh_average_texts(const struct vkh_ppl_text_cell *first, uint64_t stride, uint32_t n_texts,
                       struct vkh_ppl_cell *cell)
{
    const struct vkh_moments all = join_texts(first, stride, n_texts);
    cell->texts = 0;
    for (uint32_t i = 0; i < n_texts; i++)
        cell->texts += first[i * stride].tokens_scored > 0;
    cell->tokens_scored = all.n;
    cell->nll = all.mean;
    cell->ppl = exp(all.mean);
    cell->standard_error = cell->ppl * all.deviation / sqrt((double)all.n);
    average_means(first, stride, n_texts, cell);
}

bool vkh_average_curve(const struct vkh_ppl_text_cell *texts, uint32_t n_texts, uint32_t n_methods,
                       struct vkh_ppl_bucket *buckets, uint32_t n_buckets, double *nll,
                       double *standard_error)
{
    const uint64_t row = (uint64_t)n_methods * n_buckets;
    bool good = true;
    for (uint64_t i = 0; i < row; i++) {
        const struct vkh_moments all = join_texts(&texts[i], row, n_texts);
        struct vkh_ppl_bucket *bucket = &buckets[i % n_buckets];
        good &= all.n > 0 && (i < n_buckets || all.n == bucket->tokens);
        bucket->tokens = all.n;
        nll[i] = all.mean;
        standard_error[i] = all.deviation / sqrt((double)all.n);
    }
    return good;
}

void vkh_average_compare(struct vkh_ppl_cell *cells, uint32_t n_methods, uint32_t n_lengths)
{
    const struct vkh_ppl_cell *baseline = NULL;
    for (uint32_t m = 0; m < n_methods && n_lengths > 0 && !baseline; m++)
        if (strcmp(cells[(uint64_t)m * n_lengths].method, "baseline") == 0)
            baseline = &cells[(uint64_t)m * n_lengths];
    for (uint64_t i = 0; i < (uint64_t)n_methods * n_lengths; i++) {
        const double reference = baseline ? baseline[i % n_lengths].ppl : (double)NAN;
        cells[i].vs_baseline_percent = (reference - cells[i].ppl) / reference * 100.0;
    }
}

void vkh_average_best(struct vkh_ppl_sweep *sweep, const struct vkh_ppl_cell *cells,
                      uint32_t n_lengths)
{
    for (uint32_t l = 0; l < n_lengths; l++) {
        double least = INFINITY;
        sweep->best[l] = UINT32_MAX;
        for (uint32_t i = 0; i < sweep->n; i++) {
            const struct vkh_ppl_cell *cell = &cells[(uint64_t)sweep->methods[i] * n_lengths + l];
            if (!cell->compression_active || !(cell->ppl < least))
                continue;
            sweep->best[l] = i;
            least = cell->ppl;
        }
    }
}
