// SPDX-License-Identifier: MIT
#include "eval/eval.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "eval/check.h"
#include "eval/group.h"
#include "eval/lanes.h"
#include "eval/readings.h"
#include "eval/share.h"

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "evaluation: out of host memory");
}

static int compare_lengths(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum vkh_status sort_lengths(struct vkh_eval *eval, struct vkh_arena *arena,
                                    const struct vkh_log *log)
{
    const struct vkh_ppl_options *options = eval->options;
    uint32_t *lengths = vkh_arena_alloc(arena, options->n_lengths, sizeof(*lengths));
    if (!lengths)
        return out_of_memory(log);
    memcpy(lengths, options->lengths, options->n_lengths * sizeof(*lengths));
    qsort(lengths, options->n_lengths, sizeof(*lengths), compare_lengths);
    uint32_t n = 0;
    for (uint32_t i = 0; i < options->n_lengths; i++)
        if (n == 0 || lengths[i] != lengths[n - 1])
            lengths[n++] = lengths[i];
    eval->lengths = lengths;
    eval->n_lengths = n;
    return VKH_OK;
}

// The options' texts, or the one that has no name.
static enum vkh_status list_texts(struct vkh_eval *eval, struct vkh_arena *arena,
                                  const struct vkh_log *log)
{
    const struct vkh_ppl_options *options = eval->options;
    struct vkh_ppl_text *one = vkh_arena_alloc(arena, 1, sizeof(*one));
    if (!one)
        return out_of_memory(log);
    *one = (struct vkh_ppl_text){NULL, options->ids, options->n_ids};
    eval->texts = options->n_texts ? options->texts : one;
    eval->n_texts = options->n_texts ? options->n_texts : 1;
    return VKH_OK;
}

enum vkh_status vkh_eval_init(const struct vkh_ppl_options *options,
                              const struct vkh_rope_setting *rope,
                              const struct vkh_rope_setting *other, uint32_t vocab,
                              struct vkh_arena *arena, const struct vkh_log *log,
                              struct vkh_eval *eval)
{
    *eval = (struct vkh_eval){.options = options, .ropes = {*rope}, .reference = VKH_NONE};
    if (other)
        eval->ropes[VKH_OTHER] = *other;
    for (int i = 0; i < VKH_N_MODELS && options->original_max_len; i++)
        eval->ropes[i].original_max_len = options->original_max_len;
    enum vkh_status status = list_texts(eval, arena, log);
    if (status == VKH_OK)
        status = vkh_eval_check(eval, vocab, log);
    if (status == VKH_OK)
        status = sort_lengths(eval, arena, log);
    if (status == VKH_OK)
        status = vkh_eval_lanes(eval, arena, log);
    if (status == VKH_OK)
        status = vkh_eval_share(eval, arena, log);
    if (status == VKH_OK)
        status = vkh_eval_readings(eval, arena, log);
    if (status == VKH_OK)
        vkh_eval_group(eval);
    return status;
}

static bool prepare_marks(struct vkh_marks *marks, uint32_t chunk, uint32_t n_tokens,
                          struct vkh_arena *arena)
{
    marks->chunk = chunk;
    marks->n_tokens = n_tokens;
    marks->seconds = vkh_arena_alloc(arena, vkh_div_up(n_tokens, chunk), sizeof(*marks->seconds));
    return marks->seconds;
}

enum vkh_status vkh_eval_prepare(struct vkh_eval *eval, const uint32_t chunks[VKH_N_MODELS],
                                 struct vkh_arena *arena, const struct vkh_log *log)
{
    bool good = true;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        struct vkh_track *track = &eval->tracks[i];
        struct vkh_group *group = &eval->groups[track->group];
        const uint32_t chunk = chunks[vkh_eval_model_of(eval, track)];
        const uint32_t shared = group->prefix_tokens;
        const uint32_t own = track->n_tokens > shared ? track->n_tokens - shared : 0;
        good &= prepare_marks(&track->marks, chunk, own, arena);
        if (!group->marks.seconds)
            good &= prepare_marks(&group->marks, chunk, shared, arena);
    }
    for (uint32_t i = 0; i < eval->n_readings; i++) {
        struct vkh_reading *reading = &eval->readings[i];
        reading->nll = vkh_arena_alloc(arena, reading->n_tokens, sizeof(*reading->nll));
        good &= reading->nll != NULL;
        if (reading->reference == VKH_NONE)
            continue;
        reading->kl = vkh_arena_alloc(arena, reading->n_tokens, sizeof(*reading->kl));
        good &= reading->kl != NULL;
    }
    return good ? VKH_OK : out_of_memory(log);
}

const struct vkh_reading *vkh_eval_reading(const struct vkh_eval *eval, uint32_t text,
                                           uint32_t lane, uint32_t length)
{
    for (uint32_t i = 0; i < eval->n_readings; i++) {
        const struct vkh_reading *r = &eval->readings[i];
        if (r->text == text && r->lane == lane && r->first_length <= length &&
            length < r->first_length + r->n_lengths)
            return r;
    }
    return NULL;
}

const struct vkh_reading *vkh_eval_longest_reading(const struct vkh_eval *eval, uint32_t text,
                                                   uint32_t lane)
{
    const struct vkh_reading *reading = NULL;
    for (uint32_t length = eval->n_lengths; length-- > 0 && !reading;)
        reading = vkh_eval_reading(eval, text, lane, length);
    return reading;
}

uint32_t vkh_eval_tokens(const struct vkh_eval *eval, uint32_t text, uint32_t length)
{
    const uint64_t n = eval->texts[text].n_ids;
    if (n >= eval->lengths[length])
        return eval->lengths[length];
    return eval->options->regime.kind == VKH_REGIME_PREFIX ? 0 : (uint32_t)n;
}

uint32_t vkh_eval_tokens_used(const struct vkh_eval *eval, uint32_t text)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < eval->n_lengths; i++)
        used = (uint32_t)vkh_max_size(used, vkh_eval_tokens(eval, text, i));
    return used;
}
