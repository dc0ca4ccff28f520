// SPDX-License-Identifier: MIT
#include "api/fit.h"

#include "base/size.h"
#include "gpu/device.h"
#include "graph/compare.h"
#include "model/model.h"

enum { MODEST = 4 }; // how much smaller than the usual one a chunk may be that costs little time

struct fitting {
    struct vkh_device *device;
    const struct vkh_eval *eval;
    const struct vkh_model *const *models;
    uint64_t limit;
    struct vkh_fit *best; // of those tried since the last choice
    bool any;
    enum vkh_status status;
};

static struct vkh_ppl_memory size_up(struct fitting *f, const struct vkh_graph_wish *wish,
                                     struct vkh_fit *fit)
{
    uint64_t comparison = 0;
    uint32_t chunk = UINT32_MAX;
    for (int i = 0; i < VKH_N_MODELS; i++) {
        fit->models[i] = (struct vkh_eval_resident){0};
        if (!f->models[i])
            continue;
        const struct vkh_config *c = &f->models[i]->config;
        fit->models[i] = (struct vkh_eval_resident){vkh_graph_plan(f->device, f->models[i], wish),
                                                    c->n_layers, c->hidden};
        chunk = (uint32_t)vkh_min_size(chunk, fit->models[i].plan.chunk);
    }
    if (wish->compared && f->status == VKH_OK)
        f->status =
            vkh_comparison_plan(f->device, f->models[VKH_OWN]->config.vocab, chunk, &comparison);
    if (wish->walk != VKH_WALK_CHUNKS)
        return vkh_eval_memory_by_layers(f->eval, fit->models, comparison, f->limit, &fit->room);
    return vkh_eval_memory(f->eval, fit->models, comparison, f->limit);
}

// Tokens at once: what is usual for the device, what costs little more time, what there is at
// least.
struct chunks {
    uint32_t usual, modest, least;
};

// Whether one suits better than the best so far: it fits, in fewer batches or the first; or
// nothing does, and more memory would help it, or it takes less.
static bool is_better(const struct vkh_fit *a, const struct vkh_fit *best)
{
    if (a->memory.fits != best->memory.fits)
        return a->memory.fits;
    if (a->memory.fits)
        return a->memory.batches < best->memory.batches;
    return a->binds != best->binds ? a->binds : a->memory.peak < best->memory.peak;
}

static enum vkh_status check_buffers(const struct fitting *f, const struct vkh_fit *fit,
                                     const struct vkh_log *log)
{
    return vkh_eval_check_buffers(f->eval, fit->models, vkh_device_caps(f->device), log);
}

// Tries a walk; returns whether anything has fitted yet.
static bool try_walk(struct fitting *f, enum vkh_ppl_walk walk, enum vkh_kv_type kv, uint32_t chunk)
{
    const struct vkh_graph_wish wish = {
        .chunk = chunk, .kv = kv, .compared = f->eval->reference != VKH_NONE, .walk = walk};
    struct vkh_fit fit = {0};
    fit.memory = size_up(f, &wish, &fit);
    fit.binds = check_buffers(f, &fit, NULL) == VKH_OK;
    fit.memory.fits &= fit.binds;
    if (!f->any || is_better(&fit, f->best))
        *f->best = fit;
    f->any = true;
    return f->best->memory.fits;
}

// What costs little time.
static bool try_usual(struct fitting *f, enum vkh_kv_type kv, struct chunks *chunks)
{
    const uint32_t given = f->eval->options->chunk;
    if (try_walk(f, VKH_WALK_CHUNKS, kv, given))
        return true;
    if (!chunks->usual) {
        chunks->usual = f->best->memory.chunk;
        chunks->least = given ? chunks->usual : VKH_KEY_TILE;
        chunks->modest = (uint32_t)vkh_max_size(chunks->usual / MODEST, chunks->least);
    }
    for (uint32_t chunk = chunks->usual; chunk >= chunks->modest; chunk /= 2)
        if (try_walk(f, VKH_WALK_LAYERS, kv, chunk))
            return true;
    for (uint32_t chunk = chunks->usual; chunk >= chunks->modest; chunk /= 2)
        try_walk(f, VKH_WALK_STREAMED, kv, chunk);
    return f->best->memory.fits;
}

static void choose(struct fitting *f)
{
    const enum vkh_kv_type wanted = f->eval->options->kv_type;
    const enum vkh_kv_type types[] = {wanted, VKH_KV_F16};
    const int n_types = wanted == VKH_KV_AUTO ? 2 : 1;
    struct chunks chunks = {0};
    for (int i = 0; i < n_types; i++)
        if (try_usual(f, types[i], &chunks))
            return;
    for (uint32_t chunk = chunks.usual / 2; chunk >= chunks.least; chunk /= 2) {
        for (int i = 0; i < n_types; i++) {
            if (try_walk(f, VKH_WALK_LAYERS, types[i], chunk) ||
                try_walk(f, VKH_WALK_STREAMED, types[i], chunk))
                return;
        }
    }
}

enum vkh_status vkh_fit(struct vkh_device *device, const struct vkh_eval *eval,
                        const struct vkh_model *const models[VKH_N_MODELS], struct vkh_fit *fit)
{
    const uint64_t heap = vkh_device_caps(device)->heap_bytes, wanted = eval->options->memory;
    struct fitting f = {
        .device = device,
        .eval = eval,
        .models = models,
        .limit = wanted ? vkh_min_size(wanted, heap) : heap,
        .best = fit,
    };
    choose(&f);
    fit->memory.device = heap;
    if (f.status == VKH_OK && fit->memory.peak <= f.limit)
        return check_buffers(&f, fit, vkh_device_log(device));
    return f.status;
}
