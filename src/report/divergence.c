// SPDX-License-Identifier: MIT
#include "report/divergence.h"

#include <string.h>

#include "report/text.h"

bool vkh_divergence_is_reference(const struct vkh_ppl_results *results, uint32_t method)
{
    return !results->kl_model && strcmp(results->methods[method], results->kl_method) == 0;
}

static bool make_row(const struct vkh_ppl_results *results, uint32_t method, uint32_t length,
                     struct vkh_arena *arena, const char *row[VKH_DIVERGENCE_COLUMNS])
{
    const struct vkh_ppl_kl *kl = &results->kl[(uint64_t)method * results->n_lengths + length];
    const double numbers[] = {kl->mean, kl->standard_error, kl->median, kl->p90, kl->p95,
                              kl->p99,  kl->maximum};
    uint32_t n = 0;
    row[n++] = vkh_text_printf(arena, "%u", results->lengths[length]);
    row[n++] = results->methods[method];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        row[n++] = vkh_text_printf(arena, "%.4g", numbers[i]);
    row[n++] = vkh_text_printf(arena, "%.2f %%", kl->same_top * 100);
    bool good = true;
    for (uint32_t i = 0; i < n; i++)
        good &= row[i] != NULL;
    return good;
}

bool vkh_divergence_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                         struct vkh_divergence *divergence)
{
    static const char *const header[VKH_DIVERGENCE_COLUMNS] = {
        "length", "method", "mean", "stderr", "median",
        "90 %",   "95 %",   "99 %", "max",    "same top-1"};
    *divergence = (struct vkh_divergence){0};
    if (!results->kl_method)
        return true;
    const size_t most = 1 + (size_t)results->n_methods * results->n_lengths;
    divergence->rows = vkh_arena_alloc(arena, most, sizeof(*divergence->rows));
    const char *model = results->kl_model
                            ? vkh_text_printf(arena, " on %s (%s weights)", results->kl_model,
                                              results->kl_weight_type)
                            : "";
    if (!divergence->rows || !model)
        return false;
    divergence->title = vkh_text_printf(
        arena,
        "KL(P‖Q) = Σ P ln(P/Q) of the next token, in nats a scored token: P of %s%s, Q of each "
        "method; same top-1: where both find the same token most probable",
        results->kl_method, model);
    memcpy(divergence->rows[divergence->n_rows++], header, sizeof(header));
    for (uint32_t l = 0; l < results->n_lengths; l++)
        for (uint32_t m = 0; m < results->n_methods; m++)
            if (!vkh_divergence_is_reference(results, m) &&
                !make_row(results, m, l, arena, divergence->rows[divergence->n_rows++]))
                return false;
    return divergence->title != NULL;
}
