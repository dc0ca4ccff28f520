// SPDX-License-Identifier: MIT
#include "api/identity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <vkhrope/device.h>
#include <xxhash.h>

#include "base/log.h"
#include "model/model.h"

static uint64_t hash_model(const struct vkh_model *model)
{
    uint64_t hash = XXH3_64bits(model->config_file.data, model->config_file.size);
    for (uint32_t i = 0; i < model->n_files; i++)
        hash = XXH3_64bits_withSeed(model->files[i].data, model->files[i].size, hash);
    return hash;
}

// Of the tokens that the lengths take; counts them.
static uint64_t hash_texts(const struct vkh_eval *eval, uint64_t *n_tokens)
{
    uint64_t hash = 0;
    *n_tokens = 0;
    for (uint32_t i = 0; i < eval->n_texts; i++) {
        const uint32_t n = vkh_eval_tokens_used(eval, i);
        hash = XXH3_64bits_withSeed(eval->texts[i].ids, n * sizeof(*eval->texts[i].ids), hash);
        hash = XXH3_64bits_withSeed(&n, sizeof(n), hash);
        *n_tokens += n;
    }
    return hash;
}

// Of what the methods made, for a method may name a file.
static uint64_t hash_schedules(const struct vkh_eval *eval)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_schedule *s = eval->tracks[i].schedule;
        const size_t bytes = s->n_frequencies * sizeof(*s->frequencies);
        hash = XXH3_64bits_withSeed(s->frequencies, bytes, hash);
        hash = XXH3_64bits_withSeed(&s->attention_scale, sizeof(s->attention_scale), hash);
    }
    return hash;
}

// Zeroed: empty. `data` is of malloc.
struct text {
    char *data;
    size_t size;
    bool failed;
};

static void add(struct text *text, const char *fmt, ...) VKH_PRINTF(2, 3);

static void add(struct text *text, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, fmt, args);
    char *larger = text->failed || n < 0 ? NULL : realloc(text->data, text->size + (size_t)n + 1);
    if (larger) {
        vsnprintf(larger + text->size, (size_t)n + 1, fmt, again);
        text->data = larger;
        text->size += (size_t)n;
    }
    text->failed |= !larger;
    va_end(again);
    va_end(args);
}

static void write_regime(struct text *text, const struct vkh_ppl_regime *regime)
{
    switch (regime->kind) {
    case VKH_REGIME_PREFIX:
        add(text, "regime prefix");
        break;
    case VKH_REGIME_WINDOW:
        add(text, "regime window %u stride %u", regime->window, regime->stride);
        break;
    case VKH_REGIME_CHUNKED:
        add(text, "regime chunked %u", regime->window);
        break;
    }
    if (regime->has_bos)
        add(text, " bos %d", regime->bos);
    add(text, "\n");
}

static void write_device(struct text *text, const struct vkh_caps *caps)
{
    add(text, "device %s\n", caps->device_name);
    add(text, "driver %s %s, API %u.%u.%u\n", caps->driver_name, caps->driver_info,
        caps->api_version >> 22, caps->api_version >> 12 & 0x3ff, caps->api_version & 0xfff);
}

// Lines of one model, each beginning with the prefix.
static void write_model(struct text *text, const char *prefix, const struct vkh_model *model,
                        const struct vkh_graph *graph, const struct vkh_rope_setting *rope)
{
    const struct vkh_graph_plan *plan = vkh_graph_get_plan(graph);
    add(text, "%smodel %016" PRIx64 "\n", prefix, hash_model(model));
    add(text, "%skv-type %s\n", prefix, vkh_kv_type_name(&plan->kv));
    add(text, "%schunk %u\n", prefix, plan->chunk);
    add(text, "%svariants %s\n", prefix, vkh_graph_numerics(graph));
    add(text, "%soriginal-max-len %u\n", prefix, rope->original_max_len);
}

// What the methods are compared with.
static void write_reference(struct text *text, const struct vkh_model *model,
                            const struct vkh_graph *graph, const struct vkh_eval *eval)
{
    add(text, "kl %s\n",
        eval->reference == VKH_NONE ? "none" : eval->lanes[eval->reference].applied);
    if (model)
        write_model(text, "kl-", model, graph, &eval->ropes[VKH_OTHER]);
    else
        add(text, "kl-model none\n");
}

static void write_all(struct text *text, const struct vkh_device *device,
                      const struct vkh_model *const models[VKH_N_MODELS],
                      struct vkh_graph *const graphs[VKH_N_MODELS], const struct vkh_eval *eval)
{
    uint64_t n_tokens;
    const uint64_t texts = hash_texts(eval, &n_tokens);
    add(text, "vkhrope %s\n", VKH_VERSION);
    write_device(text, vkh_device_caps(device));
    write_model(text, "", models[VKH_OWN], graphs[VKH_OWN], &eval->ropes[VKH_OWN]);
    add(text, "walk by %s\n",
        vkh_graph_layered(vkh_graph_get_plan(graphs[VKH_OWN])) ? "layers" : "chunks");
    add(text, "texts %u of %" PRIu64 " tokens, %016" PRIx64 "\n", eval->n_texts, n_tokens, texts);
    write_regime(text, &eval->options->regime);
    add(text, "separate %d\nmethods", eval->options->separate);
    for (uint32_t i = 0; i < eval->n_lanes; i++)
        add(text, " %s", eval->lanes[i].applied);
    add(text, "\nlengths");
    for (uint32_t i = 0; i < eval->n_lengths; i++)
        add(text, " %u", eval->lengths[i]);
    add(text, "\n");
    write_reference(text, models[VKH_OTHER], graphs[VKH_OTHER], eval);
    add(text, "frequencies %016" PRIx64 "\n", hash_schedules(eval));
}

const char *vkh_identity(const struct vkh_device *device,
                         const struct vkh_model *const models[VKH_N_MODELS],
                         struct vkh_graph *const graphs[VKH_N_MODELS], const struct vkh_eval *eval,
                         const struct vkh_log *log, struct vkh_arena *arena)
{
    struct text text = {0};
    write_all(&text, device, models, graphs, eval);
    const char *copy = text.failed ? NULL : vkh_arena_strndup(arena, text.data, text.size);
    free(text.data);
    if (!copy)
        vkh_fail(log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    return copy;
}
