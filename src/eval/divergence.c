// SPDX-License-Identifier: MIT
#include "eval/divergence.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "eval/cells.h"

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// Of n ascending values, by linear interpolation between the two nearest ranks.
static double percentile(const float *values, uint64_t n, double share)
{
    const double rank = share * (double)(n - 1);
    const uint64_t below = (uint64_t)rank;
    const double low = (double)values[below];
    return below + 1 < n ? low + (rank - (double)below) * ((double)values[below + 1] - low) : low;
}

// n values, which are sorted; n_other tokens have another top.
static struct vkh_ppl_kl summarise(float *values, uint64_t n, uint64_t n_other)
{
    double sum = 0.0, squares = 0.0;
    qsort(values, n, sizeof(*values), compare_floats);
    for (uint64_t i = 0; i < n; i++)
        sum += (double)values[i];
    const double mean = sum / (double)n;
    for (uint64_t i = 0; i < n; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    return (struct vkh_ppl_kl){
        .mean = mean,
        .standard_error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : 0.0,
        .median = percentile(values, n, 0.5),
        .p90 = percentile(values, n, 0.9),
        .p95 = percentile(values, n, 0.95),
        .p99 = percentile(values, n, 0.99),
        .maximum = (double)values[n - 1],
        .same_top = (double)(n - n_other) / (double)n,
    };
}

// The tokens that a length's cell counts; `values` has room for those of all texts.
static struct vkh_ppl_kl divergence_of(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                       float *values)
{
    uint64_t n = 0, n_other = 0;
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        const struct vkh_reading *reading = vkh_eval_reading(eval, text, lane, index);
        const uint32_t length = reading ? vkh_eval_tokens(eval, text, index) : 0;
        for (uint32_t t = 1; t < length; t++) {
            if (!vkh_ppl_regime_scores(&eval->options->regime, t, length))
                continue;
            values[n++] = reading->kl[t].kl;
            n_other += reading->kl[t].top_differs;
        }
    }
    return summarise(values, n, n_other);
}

static enum vkh_status check_reading(const struct vkh_eval *eval, const struct vkh_reading *reading,
                                     const struct vkh_log *log)
{
    struct vkh_eval_place place;
    for (uint32_t t = 1; t < reading->n_tokens; t++) {
        if (isfinite(reading->kl[t].kl))
            continue;
        vkh_eval_locate(eval, reading, &place);
        return vkh_fail(log, VKH_ERR_INTERNAL, "%s: the KL divergence of token %u is %g",
                        place.text, t, (double)reading->kl[t].kl);
    }
    return VKH_OK;
}

enum vkh_status vkh_eval_divergences(const struct vkh_eval *eval, struct vkh_arena *arena,
                                     const struct vkh_log *log, struct vkh_ppl_kl **kl)
{
    uint64_t most = 0;
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < eval->n_readings && status == VKH_OK; i++)
        status = check_reading(eval, &eval->readings[i], log);
    for (uint32_t text = 0; text < eval->n_texts; text++)
        most += vkh_min_size(eval->texts[text].n_ids, vkh_eval_longest(eval));
    if (status != VKH_OK)
        return status;
    *kl = vkh_arena_alloc(arena, (size_t)eval->n_lanes * eval->n_lengths, sizeof(**kl));
    float *values = malloc(most * sizeof(*values));
    if (!*kl || !values) {
        free(values);
        return vkh_fail(log, VKH_ERR_MEMORY, "KL divergence: out of host memory");
    }
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++)
        for (uint32_t i = 0; i < eval->n_lengths; i++)
            (*kl)[(uint64_t)lane * eval->n_lengths + i] = divergence_of(eval, lane, i, values);
    free(values);
    return VKH_OK;
}
