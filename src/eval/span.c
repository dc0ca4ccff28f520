// SPDX-License-Identifier: MIT
#include "eval/span.h"

#include <stdlib.h>

#include "base/log.h"
#include "rope/fixed.h"

// Host copies of a pass's inputs, in one allocation.
struct inputs {
    uint64_t *positions, *frequencies, *local_frequencies; // the last NULL where there are none
    int32_t *ids, *targets;
};

static const int32_t *ids_of(const struct vkh_eval *eval, const struct vkh_track *track)
{
    return eval->texts[vkh_eval_text_of(eval, track)].ids + track->origin;
}

static bool fill_inputs(const struct vkh_eval *eval, const struct vkh_span *span, struct inputs *in)
{
    const struct vkh_schedule *schedule = span->track->schedule;
    const int32_t *ids = ids_of(eval, span->track);
    const size_t n = span->n, n_frequencies = schedule->n_frequencies;
    in->positions = malloc((n + 2 * n_frequencies) * sizeof(uint64_t) + 2 * n * sizeof(int32_t));
    if (!in->positions)
        return false;
    in->frequencies = in->positions + n;
    in->local_frequencies = schedule->local_frequencies ? in->frequencies + n_frequencies : NULL;
    in->ids = (int32_t *)(in->frequencies + 2 * n_frequencies);
    in->targets = in->ids + n;
    for (size_t i = 0; i < n; i++) {
        const uint64_t token = span->first + i, next = token + 1;
        vkh_fixed_position(vkh_schedule_position(schedule, token), &in->positions[i]);
        in->ids[i] = ids[token];
        in->targets[i] = next < span->end && next >= span->track->scored_from ? ids[next] : -1;
    }
    if (eval->options->regime.has_bos && span->first == 0 && n > 0)
        in->ids[0] = eval->options->regime.bos;
    for (size_t i = 0; i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->frequencies[i], &in->frequencies[i]);
    for (size_t i = 0; in->local_frequencies && i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->local_frequencies[i], &in->local_frequencies[i]);
    return true;
}

enum vkh_status vkh_span_create_pass(const struct vkh_span *span, const struct vkh_eval *eval,
                                     const struct vkh_walk_target *target,
                                     const struct vkh_layer_kv *kv, struct vkh_pass *pass)
{
    const struct vkh_schedule *schedule = span->track->schedule;
    const int model = vkh_eval_model_of(eval, span->track);
    struct inputs in;
    *pass = (struct vkh_pass){0};
    if (!fill_inputs(eval, span, &in))
        return vkh_fail(target->log, VKH_ERR_MEMORY, "positions of %u tokens: out of host memory",
                        span->n);
    const struct vkh_pass_inputs inputs = {
        .first_token = span->first,
        .n_tokens = span->n,
        .ids = in.ids,
        .targets = in.targets,
        .positions = in.positions,
        .frequencies = in.frequencies,
        .local_frequencies = in.local_frequencies,
        .n_frequencies = schedule->n_frequencies,
        .attention_scale = (float)schedule->attention_scale,
    };
    const struct vkh_pass_kv where = {vkh_graph_get_plan(target->graphs[model])->kv,
                                      kv ? 0 : target->n_layers[model], kv};
    const enum vkh_status status =
        vkh_pass_create(target->device, target->stream, &where, &inputs, pass);
    free(in.positions);
    return status;
}
