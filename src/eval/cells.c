// SPDX-License-Identifier: MIT
#include "eval/cells.h"

#include <math.h>
#include <stdio.h>

#include "base/average.h"
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

// Of one text's scored tokens.
static struct vkh_moments moments_of(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                     uint32_t text)
{
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    const struct vkh_reading *reading = vkh_eval_reading(eval, text, lane, index);
    const uint32_t length = reading ? vkh_eval_tokens(eval, text, index) : 0;
    struct vkh_moments m = {0, 0.0, 0.0};
    double sum = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t t = 1; t < length; t++) {
            if (!vkh_ppl_regime_scores(regime, t, length))
                continue;
            const double off = (double)reading->nll[t] - m.mean;
            m.n += pass == 0;
            sum += pass == 0 ? off : 0.0;
            squares += pass == 1 ? off * off : 0.0;
        }
        m.mean = m.n ? sum / (double)m.n : 0.0;
    }
    m.deviation = m.n > 1 ? sqrt(squares / (double)(m.n - 1)) : 0.0;
    return m;
}

bool vkh_eval_is_finite(const struct vkh_eval *eval)
{
    bool finite = true;
    for (uint32_t i = 0; i < eval->n_readings && finite; i++) {
        const struct vkh_reading *reading = &eval->readings[i];
        for (uint32_t t = 1; t < reading->n_tokens; t++)
            finite &= isfinite(reading->nll[t]) && (!reading->kl || isfinite(reading->kl[t].kl));
    }
    return finite;
}

void vkh_eval_locate(const struct vkh_eval *eval, const struct vkh_reading *reading,
                     struct vkh_eval_place *place)
{
    const char *name = eval->texts[reading->text].name;
    snprintf(place->text, sizeof(place->text), "%.200s, text %u%s%.120s%s, method %.200s",
             eval->models[vkh_eval_model(eval, reading->lane)], reading->text, name ? " (" : "",
             name ? name : "", name ? ")" : "", eval->lanes[reading->lane].name);
}

static enum vkh_status check_reading(const struct vkh_eval *eval, const struct vkh_reading *reading,
                                     const struct vkh_log *log)
{
    struct vkh_eval_place place;
    for (uint32_t t = 1; t < reading->n_tokens; t++) {
        if (isfinite(reading->nll[t]))
            continue;
        vkh_eval_locate(eval, reading, &place);
        return vkh_fail(log, VKH_ERR_INTERNAL, "%s: the NLL of token %u is %g%s%s", place.text, t,
                        (double)reading->nll[t], eval->remedy ? "; " : "",
                        eval->remedy ? eval->remedy : "");
    }
    return VKH_OK;
}

static void fill_texts(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                       struct vkh_ppl_text_cell *texts, uint64_t stride)
{
    for (uint32_t text = 0; text < eval->n_texts; text++)
        texts[text * stride] = vkh_moments_part(moments_of(eval, lane, index, text));
}

static enum vkh_status fill_cell(const struct vkh_eval *eval, uint32_t lane, uint32_t index,
                                 const struct vkh_log *log, struct vkh_ppl_text_cell *texts,
                                 struct vkh_ppl_cell *cell)
{
    const uint64_t stride = (uint64_t)eval->n_lanes * eval->n_lengths;
    const double seconds = seconds_until(eval, lane, index);
    uint64_t tokens = 0;
    for (uint32_t text = 0; text < eval->n_texts; text++)
        tokens += vkh_eval_tokens(eval, text, index);
    *cell = (struct vkh_ppl_cell){
        .method = eval->lanes[lane].name,
        .length = eval->lengths[index],
        .compression_active = is_active(eval, lane, index),
        .seconds = seconds,
        .tokens_per_second = (double)tokens / seconds,
    };
    fill_texts(eval, lane, index, texts, stride);
    vkh_average_texts(texts, stride, eval->n_texts, cell);
    if (!isfinite(cell->ppl) || !isfinite(cell->standard_error))
        return vkh_fail(
            log, VKH_ERR_INTERNAL,
            "%s, method %s: the mean NLL of length %u is %g, too large for a perplexity",
            eval->models[VKH_OWN], cell->method, cell->length, cell->nll);
    return VKH_OK;
}

enum vkh_status vkh_eval_cells(const struct vkh_eval *eval, const struct vkh_log *log,
                               struct vkh_ppl_cell *cells, struct vkh_ppl_text_cell *texts)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < eval->n_readings && status == VKH_OK; i++)
        status = check_reading(eval, &eval->readings[i], log);
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++) {
        for (uint32_t i = 0; i < eval->n_lengths && status == VKH_OK; i++) {
            const uint64_t at = (uint64_t)lane * eval->n_lengths + i;
            status = fill_cell(eval, lane, i, log, &texts[at], &cells[at]);
        }
    }
    if (status != VKH_OK)
        return status;
    vkh_average_compare(cells, eval->n_lanes, eval->n_lengths);
    for (uint32_t s = 0; s < eval->n_sweeps; s++)
        vkh_average_best(&eval->sweeps[s], cells, eval->n_lengths);
    return VKH_OK;
}
