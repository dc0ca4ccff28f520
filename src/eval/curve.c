// SPDX-License-Identifier: MIT
#include "eval/curve.h"

#include <math.h>

#include "base/average.h"
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

// At the longest length that the text reaches.
static void add_text(const struct vkh_eval *eval, uint32_t text, uint32_t lane, struct scale scale,
                     struct sums sums[MOST_BUCKETS])
{
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    const struct vkh_reading *reading = vkh_eval_longest_reading(eval, text, lane);
    for (uint32_t t = 1; reading && t < reading->n_tokens; t++) {
        if (!vkh_ppl_regime_scores(regime, t, reading->n_tokens))
            continue;
        struct sums *into = &sums[bucket_of(scale, vkh_ppl_regime_context(regime, t))];
        const double nll = (double)reading->nll[t];
        into->n++;
        into->sum += nll;
        into->squares += nll * nll;
    }
}

static struct vkh_moments moments_of(const struct sums *sums)
{
    const double n = (double)sums->n, mean = sums->n ? sums->sum / n : 0.0;
    const double variance = n > 1 ? fmax(sums->squares - n * mean * mean, 0.0) / (n - 1) : 0.0;
    return (struct vkh_moments){sums->n, mean, sqrt(variance)};
}

// Those with a token, which are the same ones in every lane; *n_buckets of them.
static void find_buckets(const struct vkh_eval *eval, struct scale scale,
                         uint32_t used[MOST_BUCKETS], uint32_t *n_buckets)
{
    struct sums sums[MOST_BUCKETS] = {0};
    for (uint32_t text = 0; text < eval->n_texts; text++)
        add_text(eval, text, 0, scale, sums);
    *n_buckets = 0;
    for (uint32_t b = 0; b < MOST_BUCKETS; b++)
        if (sums[b].n > 0)
            used[(*n_buckets)++] = b;
}

static enum vkh_status make_curve(const struct vkh_eval *eval, struct scale scale,
                                  struct vkh_arena *arena, const struct vkh_log *log,
                                  struct vkh_ppl_curve *curve)
{
    uint32_t used[MOST_BUCKETS], n;
    find_buckets(eval, scale, used, &n);
    const size_t row = (size_t)eval->n_lanes * n;
    struct vkh_ppl_bucket *buckets = vkh_arena_alloc(arena, n, sizeof(*buckets));
    struct vkh_ppl_text_cell *texts = vkh_arena_alloc(arena, eval->n_texts, row * sizeof(*texts));
    double *nll = vkh_arena_alloc(arena, row, sizeof(*nll));
    double *error = vkh_arena_alloc(arena, row, sizeof(*error));
    if (!buckets || !texts || !nll || !error)
        return vkh_fail(log, VKH_ERR_MEMORY, "curve: out of host memory");
    struct vkh_ppl_text_cell *at = texts;
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        for (uint32_t lane = 0; lane < eval->n_lanes; lane++) {
            struct sums sums[MOST_BUCKETS] = {0};
            add_text(eval, text, lane, scale, sums);
            for (uint32_t b = 0; b < n; b++)
                *at++ = vkh_moments_part(moments_of(&sums[used[b]]));
        }
    }
    for (uint32_t b = 0; b < n; b++)
        buckets[b] = bounds_of(scale, used[b]);
    vkh_average_curve(texts, eval->n_texts, eval->n_lanes, buckets, n, nll, error);
    *curve = (struct vkh_ppl_curve){n, buckets, nll, error, texts};
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
