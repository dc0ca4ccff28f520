// SPDX-License-Identifier: MIT
#include "eval/eval.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "eval/check.h"
#include "eval/group.h"
#include "rope/fixed.h"

struct layout {
    const struct vkh_ppl_options *options;
    struct vkh_rope_setting rope;
    struct vkh_arena *arena;
    const struct vkh_log *log;
    struct vkh_eval *eval;
    struct vkh_method *methods; // [n_lanes]
};

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "evaluation: out of host memory");
}

static int compare_lengths(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum vkh_status sort_lengths(struct layout *layout)
{
    const struct vkh_ppl_options *options = layout->options;
    uint32_t *lengths = vkh_arena_alloc(layout->arena, options->n_lengths, sizeof(*lengths));
    if (!lengths)
        return out_of_memory(layout->log);
    memcpy(lengths, options->lengths, options->n_lengths * sizeof(*lengths));
    qsort(lengths, options->n_lengths, sizeof(*lengths), compare_lengths);
    uint32_t n = 0;
    for (uint32_t i = 0; i < options->n_lengths; i++)
        if (n == 0 || lengths[i] != lengths[n - 1])
            lengths[n++] = lengths[i];
    layout->eval->lengths = lengths;
    layout->eval->n_lengths = n;
    return VKH_OK;
}

static enum vkh_status parse_methods(struct layout *layout)
{
    struct vkh_eval *eval = layout->eval;
    const uint32_t n = layout->options->n_methods;
    eval->names = vkh_arena_alloc(layout->arena, n, sizeof(*eval->names));
    layout->methods = vkh_arena_alloc(layout->arena, n, sizeof(*layout->methods));
    if (!eval->names || !layout->methods)
        return out_of_memory(layout->log);
    for (uint32_t i = 0; i < n; i++) {
        struct vkh_method *method = &layout->methods[i];
        const enum vkh_status status =
            vkh_method_parse(layout->options->methods[i], layout->log, method);
        if (status != VKH_OK)
            return status;
        const size_t size = vkh_method_spell(method, NULL, 0) + 1;
        char *name = vkh_arena_alloc(layout->arena, size, 1);
        if (!name)
            return out_of_memory(layout->log);
        vkh_method_spell(method, name, size);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(eval->names[j], name) == 0)
                return vkh_fail(layout->log, VKH_ERR_ARGUMENT, "method %s is given twice", name);
        eval->names[i] = name;
        eval->n_lanes = i + 1;
    }
    return VKH_OK;
}

static enum vkh_status check_schedule(const struct vkh_schedule *schedule, const char *name,
                                      uint32_t n_tokens, const struct vkh_log *log)
{
    uint64_t fixed;
    for (uint32_t i = 0; i < schedule->n_frequencies; i++)
        if (!vkh_fixed_frequency(schedule->frequencies[i], &fixed))
            return vkh_fail(log, VKH_ERR_UNSUPPORTED,
                            "method %s: inverse frequency %u is %g, outside 0 to 2048", name, i,
                            schedule->frequencies[i]);
    const double last = vkh_schedule_position(schedule, n_tokens - 1);
    if (!vkh_fixed_position(last, &fixed))
        return vkh_fail(log, VKH_ERR_UNSUPPORTED,
                        "method %s: token %u at position %g, outside 0 to 2^32", name, n_tokens - 1,
                        last);
    return VKH_OK;
}

// A track over lengths [first, first + n).
static enum vkh_status add_track(struct layout *layout, uint32_t lane, uint32_t first, uint32_t n)
{
    struct vkh_eval *eval = layout->eval;
    const uint32_t n_tokens = eval->lengths[first + n - 1];
    struct vkh_track *track = &eval->tracks[eval->n_tracks];
    *track = (struct vkh_track){
        .lane = lane, .n_tokens = n_tokens, .first_length = first, .n_lengths = n};
    struct vkh_rope_setting setting = layout->rope;
    setting.length = n_tokens;
    const struct vkh_method baseline = {.n_terms = 0};
    struct vkh_schedule plain;
    enum vkh_status status = vkh_schedule_init(&layout->methods[lane], &setting, layout->arena,
                                               layout->log, &track->schedule);
    if (status == VKH_OK)
        status = vkh_schedule_init(&baseline, &setting, layout->arena, layout->log, &plain);
    if (status == VKH_OK)
        status = check_schedule(&track->schedule, eval->names[lane], n_tokens, layout->log);
    if (status != VKH_OK)
        return status;
    track->plain_tokens = vkh_schedule_common_prefix(&track->schedule, &plain, n_tokens);
    eval->n_tracks++;
    return VKH_OK;
}

static enum vkh_status add_tracks(struct layout *layout)
{
    struct vkh_eval *eval = layout->eval;
    const uint64_t most = (uint64_t)eval->n_lanes * eval->n_lengths;
    eval->tracks = vkh_arena_alloc(layout->arena, most, sizeof(*eval->tracks));
    eval->groups = vkh_arena_alloc(layout->arena, most, sizeof(*eval->groups));
    if (!eval->tracks || !eval->groups)
        return out_of_memory(layout->log);
    enum vkh_status status = VKH_OK;
    for (uint32_t lane = 0; lane < eval->n_lanes; lane++) {
        struct vkh_method resolved;
        const char *name, *why;
        vkh_method_resolve(&layout->methods[lane], layout->rope.own, &resolved);
        const bool each = layout->options->separate || vkh_method_varies(&resolved, &name, &why);
        const uint32_t step = each ? 1 : eval->n_lengths;
        for (uint32_t first = 0; first < eval->n_lengths && status == VKH_OK; first += step)
            status = add_track(layout, lane, first, step);
    }
    return status;
}

enum vkh_status vkh_eval_init(const struct vkh_ppl_options *options,
                              const struct vkh_rope_setting *rope, uint32_t vocab,
                              struct vkh_arena *arena, const struct vkh_log *log,
                              struct vkh_eval *eval)
{
    *eval = (struct vkh_eval){.options = options};
    struct layout layout = {
        .options = options, .rope = *rope, .arena = arena, .log = log, .eval = eval};
    if (options->original_max_len)
        layout.rope.original_max_len = options->original_max_len;
    enum vkh_status status = vkh_eval_check(options, vocab, log);
    if (status == VKH_OK)
        status = sort_lengths(&layout);
    if (status == VKH_OK)
        status = parse_methods(&layout);
    if (status == VKH_OK)
        status = add_tracks(&layout);
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

enum vkh_status vkh_eval_prepare(struct vkh_eval *eval, uint32_t chunk, struct vkh_arena *arena,
                                 const struct vkh_log *log)
{
    bool good = true;
    for (uint32_t i = 0; i < eval->n_groups; i++)
        good &= prepare_marks(&eval->groups[i].marks, chunk, eval->groups[i].prefix_tokens, arena);
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        struct vkh_track *track = &eval->tracks[i];
        const uint32_t shared = eval->groups[track->group].prefix_tokens;
        const uint32_t own = track->n_tokens > shared ? track->n_tokens - shared : 0;
        good &= prepare_marks(&track->marks, chunk, own, arena);
        track->nll = vkh_arena_alloc(arena, track->n_tokens, sizeof(*track->nll));
        good &= track->nll != NULL;
    }
    return good ? VKH_OK : out_of_memory(log);
}

const struct vkh_track *vkh_eval_track(const struct vkh_eval *eval, uint32_t lane, uint32_t length)
{
    const struct vkh_track *track = eval->tracks;
    while (track->lane != lane || length >= track->first_length + track->n_lengths)
        track++;
    return track;
}
