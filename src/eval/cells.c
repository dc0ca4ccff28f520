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

// Of the tracks of a lane that score a token within the length.
static double seconds_until(const struct vkh_eval *eval, uint32_t lane, uint32_t index)
{
    double seconds = 0.0;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const struct vkh_reading *reading = &eval->readings[track->reading];
        if (reading->lane != lane || index < reading->first_length ||
            index >= reading->first_length + reading->n_lengths)
            continue;
        const uint32_t n = vkh_eval_tokens(eval, reading->text, index);
        if (track->origin + track->scored_from >= n)
            continue;
        const struct vkh_group *group = &eval->groups[track->group];
        const uint32_t used = (uint32_t)vkh_min_size(n - track->origin, track->n_tokens);
        const uint32_t shared = (uint32_t)vkh_min_size(used, group->prefix_tokens);
        seconds +=
            vkh_marks_until(&group->marks, shared) + vkh_marks_until(&track->marks, used - shared);
    }
    return fmax(seconds, 1e-9);
}

static bool is_active(const struct vkh_eval *eval, uint32_t lane, uint32_t index)
{
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const struct vkh_reading *reading = &eval->readings[track->reading];
        const uint32_t n = vkh_eval_tokens(eval, reading->text, index);
        if (reading->lane == lane && index >= reading->first_length &&
            index < reading->first_length + reading->n_lengths && track->origin < n &&
            track->plain_tokens < vkh_min_size(n - track->origin, track->n_tokens))
            return true;
    }
    return false;
}

// Scored tokens, the mean of their NLL and its sample standard deviation; the latter 0 when there
// is only one.
struct moments {
    uint64_t n;
    double mean, deviation;
};

// Of the texts [first, end) in their order.
static struct moments moments_of(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                 uint32_t first, uint32_t end)
{
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    struct moments m = {0, 0.0, 0.0};
    double sum = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t text = first; text < end; text++) {
            const struct vkh_reading *reading = vkh_eval_reading(eval, text, lane, index);
            const uint32_t length = reading ? vkh_eval_tokens(eval, text, index) : 0;
            for (uint32_t t = 1; t < length; t++) {
                if (!vkh_ppl_regime_scores(regime, t, length))
                    continue;
                const double off = (double)reading->nll[t] - m.mean;
                m.n += pass == 0;
                sum += pass == 0 ? off : 0.0;
                squares += pass == 1 ? off * off : 0.0;
            }
        }
        m.mean = m.n ? sum / (double)m.n : 0.0;
    }
    m.deviation = m.n > 1 ? sqrt(squares / (double)(m.n - 1)) : 0.0;
    return m;
}

static enum vkh_status check_reading(const struct vkh_eval *eval, const struct vkh_reading *reading,
                                     const struct vkh_log *log)
{
    for (uint32_t t = 1; t < reading->n_tokens; t++)
        if (!isfinite(reading->nll[t]))
            return vkh_fail(log, VKH_ERR_INTERNAL, "method %s: the NLL of token %u is %g",
                            eval->lanes[reading->lane].name, t, (double)reading->nll[t]);
    return VKH_OK;
}

// The cells of each text, `all` being what they are together; counts those that have a part.
static uint32_t fill_texts(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                           const struct moments *all, struct vkh_ppl_text_cell *texts)
{
    uint32_t n = 0;
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        const struct moments m =
            eval->n_texts == 1 ? *all : moments_of(eval, lane, index, text, text + 1);
        struct vkh_ppl_text_cell *cell =
            &texts[((uint64_t)text * eval->n_lanes + lane) * eval->n_lengths + index];
        *cell = (struct vkh_ppl_text_cell){(uint32_t)m.n, m.n ? m.mean : (double)NAN,
                                           m.n ? exp(m.mean) : (double)NAN};
        n += m.n > 0;
    }
    return n;
}

// Averages over texts and their errors between texts, n of which have a part.
static void average_texts(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                          const struct vkh_ppl_text_cell *texts, struct vkh_ppl_cell *cell)
{
    const uint64_t stride = (uint64_t)eval->n_lanes * eval->n_lengths;
    const struct vkh_ppl_text_cell *first = &texts[(uint64_t)lane * eval->n_lengths + index];
    const double n = cell->texts, correction = n / (n - 1.0);
    double sum = 0.0, weighted = 0.0, plain = 0.0;
    for (uint32_t i = 0; i < eval->n_texts; i++)
        sum += first[i * stride].tokens_scored ? first[i * stride].nll : 0.0;
    cell->macro_nll = sum / n;
    for (uint32_t i = 0; i < eval->n_texts; i++) {
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

static enum vkh_status fill_cell(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                 const struct vkh_log *log, struct vkh_ppl_text_cell *texts,
                                 struct vkh_ppl_cell *cell)
{
    const char *name = eval->lanes[lane].name;
    const uint32_t length = eval->lengths[index];
    const struct moments m = moments_of(eval, lane, index, 0, eval->n_texts);
    const uint32_t n_texts = fill_texts(eval, lane, index, &m, texts);
    const double ppl = exp(m.mean), seconds = seconds_until(eval, lane, index);
    const double error = ppl * m.deviation / sqrt((double)m.n);
    if (!isfinite(ppl) || !isfinite(error))
        return vkh_fail(log, VKH_ERR_INTERNAL,
                        "method %s: the mean NLL of length %u is %g, too large for a perplexity",
                        name, length, m.mean);
    uint64_t tokens = 0;
    for (uint32_t text = 0; text < eval->n_texts; text++)
        tokens += vkh_eval_tokens(eval, text, index);
    *cell = (struct vkh_ppl_cell){
        .method = name,
        .length = length,
        .tokens_scored = m.n,
        .nll = m.mean,
        .ppl = ppl,
        .standard_error = error,
        .texts = n_texts,
        .compression_active = is_active(eval, lane, index),
        .vs_baseline_percent = (double)NAN,
        .seconds = seconds,
        .tokens_per_second = (double)tokens / seconds,
    };
    average_texts(eval, lane, index, texts, cell);
    return VKH_OK;
}

static void compare_with_baseline(const struct vkh_eval *eval, struct vkh_ppl_cell *cells)
{
    uint32_t baseline = 0;
    while (baseline < eval->n_lanes && strcmp(eval->lanes[baseline].name, "baseline") != 0)
        baseline++;
    if (baseline == eval->n_lanes)
        return;
    for (uint64_t i = 0; i < (uint64_t)eval->n_lanes * eval->n_lengths; i++) {
        const uint64_t beside = (uint64_t)baseline * eval->n_lengths + i % eval->n_lengths;
        const double reference = cells[beside].ppl;
        cells[i].vs_baseline_percent = (reference - cells[i].ppl) / reference * 100.0;
    }
}

// Which of a sweep's methods is best at a length, of those that move anything there.
static uint32_t best_of(const struct vkh_eval *eval, const struct vkh_ppl_sweep *sweep,
                        uint32_t index, const struct vkh_ppl_cell *cells)
{
    uint32_t best = UINT32_MAX;
    double least = INFINITY;
    for (uint32_t i = 0; i < sweep->n; i++) {
        const struct vkh_ppl_cell *cell =
            &cells[(uint64_t)sweep->methods[i] * eval->n_lengths + index];
        if (cell->compression_active && cell->ppl < least) {
            best = i;
            least = cell->ppl;
        }
    }
    return best;
}

enum vkh_status vkh_eval_cells(const struct vkh_eval *eval, const struct vkh_log *log,
                               struct vkh_ppl_cell *cells, struct vkh_ppl_text_cell *texts)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < eval->n_readings && status == VKH_OK; i++)
        status = check_reading(eval, &eval->readings[i], log);
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++)
        for (uint32_t i = 0; i < eval->n_lengths && status == VKH_OK; i++)
            status =
                fill_cell(eval, lane, i, log, texts, &cells[(uint64_t)lane * eval->n_lengths + i]);
    if (status != VKH_OK)
        return status;
    compare_with_baseline(eval, cells);
    for (uint32_t s = 0; s < eval->n_sweeps; s++)
        for (uint32_t i = 0; i < eval->n_lengths; i++)
            eval->sweeps[s].best[i] = best_of(eval, &eval->sweeps[s], i, cells);
    return VKH_OK;
}
