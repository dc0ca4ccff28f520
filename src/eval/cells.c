// SPDX-License-Identifier: MIT
#include "eval/cells.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"

double vkh_marks_until(const struct vkh_marks *marks, uint32_t n_tokens)
{
    if (n_tokens == 0)
        return 0.0;
    const uint32_t chunk = (n_tokens - 1) / marks->chunk, first = chunk * marks->chunk;
    const double end = marks->seconds[chunk], begin = chunk ? marks->seconds[chunk - 1] : 0.0;
    const double size = (double)vkh_min_size(marks->chunk, marks->n_tokens - first);
    return begin + (end - begin) * (n_tokens - first) / size;
}

static double seconds_until(const struct vkh_eval *eval, const struct vkh_track *track,
                            uint32_t length)
{
    const struct vkh_group *group = &eval->groups[track->group];
    const uint32_t shared = (uint32_t)vkh_min_size(length, group->prefix_tokens);
    return vkh_marks_until(&group->marks, shared) + vkh_marks_until(&track->marks, length - shared);
}

// Mean and sample standard deviation of nll[1 … length-1]; the latter 0 when there is only one.
static void moments(const float *nll, uint32_t length, double *mean, double *deviation)
{
    const double n = length - 1;
    double sum = 0.0, squares = 0.0;
    for (uint32_t t = 1; t < length; t++)
        sum += (double)nll[t];
    *mean = sum / n;
    for (uint32_t t = 1; t < length; t++) {
        const double off = (double)nll[t] - *mean;
        squares += off * off;
    }
    *deviation = n > 1 ? sqrt(squares / (n - 1)) : 0.0;
}

static enum vkh_status check_track(const struct vkh_eval *eval, const struct vkh_track *track,
                                   const struct vkh_log *log)
{
    for (uint32_t t = 1; t < track->n_tokens; t++)
        if (!isfinite(track->nll[t]))
            return vkh_fail(log, VKH_ERR_INTERNAL, "method %s: the NLL of token %u is %g",
                            eval->names[track->lane], t, (double)track->nll[t]);
    return VKH_OK;
}

static enum vkh_status fill_cell(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                 const struct vkh_log *log, struct vkh_ppl_cell *cell)
{
    const struct vkh_track *track = vkh_eval_track(eval, lane, index);
    const uint32_t length = eval->lengths[index];
    double mean, deviation;
    moments(track->nll, length, &mean, &deviation);
    const double ppl = exp(mean), seconds = fmax(seconds_until(eval, track, length), 1e-9);
    const double error = ppl * deviation / sqrt(length - 1);
    if (!isfinite(ppl) || !isfinite(error))
        return vkh_fail(log, VKH_ERR_INTERNAL,
                        "method %s: the mean NLL of length %u is %g, too large for a perplexity",
                        eval->names[lane], length, mean);
    *cell = (struct vkh_ppl_cell){
        .method = eval->names[lane],
        .length = length,
        .tokens_scored = length - 1,
        .nll = mean,
        .ppl = ppl,
        .standard_error = error,
        .compression_active = track->plain_tokens < length,
        .vs_baseline_percent = (double)NAN,
        .seconds = seconds,
        .tokens_per_second = length / seconds,
    };
    return VKH_OK;
}

static void compare_with_baseline(const struct vkh_eval *eval, struct vkh_ppl_cell *cells)
{
    uint32_t baseline = 0;
    while (baseline < eval->n_lanes && strcmp(eval->names[baseline], "baseline") != 0)
        baseline++;
    if (baseline == eval->n_lanes)
        return;
    for (uint64_t i = 0; i < (uint64_t)eval->n_lanes * eval->n_lengths; i++) {
        const uint64_t beside = (uint64_t)baseline * eval->n_lengths + i % eval->n_lengths;
        const double reference = cells[beside].ppl;
        cells[i].vs_baseline_percent = (reference - cells[i].ppl) / reference * 100.0;
    }
}

enum vkh_status vkh_eval_cells(const struct vkh_eval *eval, const struct vkh_log *log,
                               struct vkh_ppl_cell *cells)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < eval->n_tracks && status == VKH_OK; i++)
        status = check_track(eval, &eval->tracks[i], log);
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++)
        for (uint32_t i = 0; i < eval->n_lengths && status == VKH_OK; i++)
            status = fill_cell(eval, lane, i, log, &cells[(uint64_t)lane * eval->n_lengths + i]);
    if (status == VKH_OK)
        compare_with_baseline(eval, cells);
    return status;
}
