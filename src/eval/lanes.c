// SPDX-License-Identifier: MIT
#include "eval/lanes.h"

#include <string.h>

#include "base/log.h"
#include "rope/sweep.h"

struct layout {
    struct vkh_eval *eval;
    struct vkh_arena *arena;
    const struct vkh_log *log;
};

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "methods: out of host memory");
}

static char *spell(const struct vkh_method *method, struct vkh_arena *arena)
{
    const size_t size = vkh_method_spell(method, NULL, 0) + 1;
    char *text = vkh_arena_alloc(arena, size, 1);
    if (text)
        vkh_method_spell(method, text, size);
    return text;
}

// "dynamic-ntk: its base grows with the length".
static const char *explain(const char *name, const char *why, struct vkh_arena *arena)
{
    const size_t n = strlen(name), size = n + strlen(why) + sizeof(": ");
    char *text = vkh_arena_alloc(arena, size, 1);
    if (text) {
        memcpy(text, name, n);
        strcpy(text + n, ": ");
        strcpy(text + n + 2, why);
    }
    return text;
}

static enum vkh_status name_lane(const struct layout *layout, const char *spec,
                                 struct vkh_lane *lane)
{
    const enum vkh_status status = vkh_method_parse(spec, layout->log, &lane->method);
    if (status != VKH_OK)
        return status;
    lane->name = spell(&lane->method, layout->arena);
    return lane->name ? VKH_OK : out_of_memory(layout->log);
}

// What a lane comes to on a model.
static enum vkh_status resolve_lane(const struct layout *layout, int model, struct vkh_lane *lane)
{
    struct vkh_method applied;
    const char *name, *why;
    vkh_method_resolve(&lane->method, layout->eval->ropes[model].own, &applied);
    const bool varies = vkh_method_varies(&applied, &name, &why);
    lane->applied = spell(&applied, layout->arena);
    lane->why = varies ? explain(name, why, layout->arena) : NULL;
    return lane->applied && varies == (lane->why != NULL) ? VKH_OK : out_of_memory(layout->log);
}

// The lane of a spec, which is added when there is none; *found says which was the case.
static enum vkh_status need_lane(struct layout *layout, const char *spec, uint32_t *index,
                                 bool *found)
{
    struct vkh_eval *eval = layout->eval;
    struct vkh_lane *lane = &eval->lanes[eval->n_lanes];
    const enum vkh_status status = name_lane(layout, spec, lane);
    if (status != VKH_OK)
        return status;
    for (*index = 0; *index < eval->n_lanes; ++*index)
        if (strcmp(eval->lanes[*index].name, lane->name) == 0)
            break;
    *found = *index < eval->n_lanes;
    if (*found)
        return VKH_OK;
    eval->n_lanes++;
    return resolve_lane(layout, VKH_OWN, lane);
}

static enum vkh_status add_methods(struct layout *layout)
{
    const struct vkh_ppl_options *options = layout->eval->options;
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < options->n_methods && status == VKH_OK; i++) {
        uint32_t index;
        bool found = false;
        status = need_lane(layout, options->methods[i], &index, &found);
        if (status == VKH_OK && found)
            status = vkh_fail(layout->log, VKH_ERR_ARGUMENT, "method %s is given twice",
                              layout->eval->lanes[index].name);
    }
    return status;
}

static enum vkh_status add_sweep(struct layout *layout, const struct vkh_sweep *range,
                                 struct vkh_ppl_sweep *sweep)
{
    uint32_t *methods = vkh_arena_alloc(layout->arena, range->n, sizeof(*methods));
    uint32_t *best = vkh_arena_alloc(layout->arena, layout->eval->n_lengths, sizeof(*best));
    if (!methods || !best)
        return out_of_memory(layout->log);
    enum vkh_status status = VKH_OK;
    bool found;
    for (uint32_t i = 0; i < range->n && status == VKH_OK; i++)
        status = need_lane(layout, range->specs[i], &methods[i], &found);
    *sweep = (struct vkh_ppl_sweep){
        .spec = sweep->spec,
        .parameter = range->parameter,
        .n = range->n,
        .methods = methods,
        .values = range->values,
        .best = best,
    };
    return status;
}

static enum vkh_status add_reference(struct layout *layout)
{
    struct vkh_eval *eval = layout->eval;
    const struct vkh_ppl_options *options = eval->options;
    bool found;
    if (!options->kl_model) {
        const enum vkh_status status = need_lane(layout, options->kl, &eval->reference, &found);
        if (status == VKH_OK && eval->n_lanes == 1)
            return vkh_fail(layout->log, VKH_ERR_ARGUMENT,
                            "kl %s: there is no other method to compare with it",
                            eval->lanes[0].name);
        return status;
    }
    struct vkh_lane *lane = &eval->lanes[eval->n_lanes];
    eval->reference = eval->n_lanes;
    const enum vkh_status status = name_lane(layout, options->kl, lane);
    return status == VKH_OK ? resolve_lane(layout, VKH_OTHER, lane) : status;
}

static enum vkh_status expand(struct layout *layout, struct vkh_sweep *ranges, uint32_t *n_lanes)
{
    const struct vkh_ppl_options *options = layout->eval->options;
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < options->n_sweeps && status == VKH_OK; i++) {
        status = vkh_sweep_expand(options->sweeps[i], layout->arena, layout->log, &ranges[i]);
        *n_lanes += ranges[i].n;
    }
    return status;
}

enum vkh_status vkh_eval_lanes(struct vkh_eval *eval, struct vkh_arena *arena,
                               const struct vkh_log *log)
{
    const struct vkh_ppl_options *options = eval->options;
    struct layout layout = {eval, arena, log};
    uint32_t most = options->n_methods + (options->kl != NULL);
    struct vkh_sweep *ranges = vkh_arena_alloc(arena, options->n_sweeps, sizeof(*ranges));
    eval->sweeps = vkh_arena_alloc(arena, options->n_sweeps, sizeof(*eval->sweeps));
    if (!ranges || !eval->sweeps)
        return out_of_memory(log);
    enum vkh_status status = expand(&layout, ranges, &most);
    if (status != VKH_OK)
        return status;
    eval->lanes = vkh_arena_alloc(arena, (size_t)most + 1, sizeof(*eval->lanes)); // and one to try
    if (!eval->lanes)
        return out_of_memory(log);
    status = add_methods(&layout);
    for (; eval->n_sweeps < options->n_sweeps && status == VKH_OK; eval->n_sweeps++) {
        struct vkh_ppl_sweep *sweep = &eval->sweeps[eval->n_sweeps];
        const char *spec = options->sweeps[eval->n_sweeps];
        sweep->spec = vkh_arena_strndup(arena, spec, strlen(spec));
        status =
            sweep->spec ? add_sweep(&layout, &ranges[eval->n_sweeps], sweep) : out_of_memory(log);
    }
    return status == VKH_OK && options->kl ? add_reference(&layout) : status;
}
