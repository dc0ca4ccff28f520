// SPDX-License-Identifier: MIT
#include "eval/curve.h"

#include <math.h>

#include "base/log.h"

enum { MOST_LINEAR = 64, MOST_BUCKETS = MOST_LINEAR };

// Buckets of one scale: `width` positions each, or with width 0 from 2^i to 2^(i+1).
struct scale {
    uint32_t width;
};

// The longest sequence that a token is scored in, rounded up to a power of two, in 64 parts.
static uint32_t linear_width(uint32_t longest)
{
    uint32_t width = 1;
    while ((uint64_t)width * MOST_LINEAR < longest)
        width *= 2;
    return width;
}

static uint32_t bucket_of(struct scale scale, uint32_t position)
{
    return scale.width ? position / scale.width : 31u - (uint32_t)__builtin_clz(position);
}

static struct vkh_ppl_bucket bounds_of(struct scale scale, uint32_t bucket)
{
    if (scale.width)
        return (struct vkh_ppl_bucket){bucket * scale.width, (bucket + 1) * scale.width, 0};
    return (struct vkh_ppl_bucket){1u << bucket, 2u << bucket, 0};
}

struct sums {
    uint64_t n;
    double sum, squares;
};

static void add_reading(const struct vkh_eval *eval, const struct vkh_reading *reading,
                        struct scale scale, struct sums sums[MOST_BUCKETS])
{
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    for (uint32_t t = 1; t < reading->n_tokens; t++) {
        if (!vkh_ppl_regime_scores(regime, t, reading->n_tokens))
            continue;
        struct sums *into = &sums[bucket_of(scale, vkh_ppl_regime_context(regime, t))];
        const double nll = (double)reading->nll[t];
        into->n++;
        into->sum += nll;
        into->squares += nll * nll;
    }
}

// Each text at the longest length that it reaches.
static void add_lane(const struct vkh_eval *eval, uint32_t lane, struct scale scale,
                     struct sums sums[MOST_BUCKETS])
{
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        const struct vkh_reading *reading = vkh_eval_longest_reading(eval, text, lane);
        if (reading)
            add_reading(eval, reading, scale, sums);
    }
}

static void write_row(const struct sums *sums, double *nll, double *error)
{
    const double n = (double)sums->n, mean = sums->sum / n;
    const double variance = n > 1 ? fmax(sums->squares - n * mean * mean, 0.0) / (n - 1) : 0.0;
    *nll = mean;
    *error = sqrt(variance / n);
}

static enum vkh_status make_curve(const struct vkh_eval *eval, struct scale scale,
                                  struct vkh_arena *arena, const struct vkh_log *log,
                                  struct vkh_ppl_curve *curve)
{
    struct vkh_ppl_bucket *buckets = vkh_arena_alloc(arena, MOST_BUCKETS, sizeof(*buckets));
    const size_t most = (size_t)eval->n_lanes * MOST_BUCKETS;
    double *nll = vkh_arena_alloc(arena, most, sizeof(*nll));
    double *error = vkh_arena_alloc(arena, most, sizeof(*error));
    if (!buckets || !nll || !error)
        return vkh_fail(log, VKH_ERR_MEMORY, "curve: out of host memory");
    size_t at = 0;
    uint32_t n_buckets = 0;
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++) {
        struct sums sums[MOST_BUCKETS] = {0};
        add_lane(eval, lane, scale, sums);
        n_buckets = 0;
        for (uint32_t b = 0; b < MOST_BUCKETS; b++) {
            if (sums[b].n == 0)
                continue; // the same ones in every lane
            buckets[n_buckets] = bounds_of(scale, b);
            buckets[n_buckets++].tokens = sums[b].n;
            write_row(&sums[b], &nll[at], &error[at]);
            at++;
        }
    }
    *curve = (struct vkh_ppl_curve){n_buckets, buckets, nll, error};
    return VKH_OK;
}

enum vkh_status vkh_eval_curves(const struct vkh_eval *eval, struct vkh_arena *arena,
                                const struct vkh_log *log, struct vkh_ppl_curve curves[VKH_CURVES])
{
    uint32_t longest = 2;
    for (uint32_t i = 0; i < eval->n_tracks; i++)
        if (eval->tracks[i].n_tokens > longest)
            longest = eval->tracks[i].n_tokens;
    const struct scale scales[VKH_CURVES] = {
        [VKH_CURVE_LINEAR] = {linear_width(longest)}, [VKH_CURVE_LOG] = {0}};
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_CURVES && status == VKH_OK; i++)
        status = make_curve(eval, scales[i], arena, log, &curves[i]);
    return status;
}
