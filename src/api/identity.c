// SPDX-License-Identifier: MIT
#include "api/identity.h"

#include <inttypes.h>
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

// Of the tokens that the longest length takes; counts them.
static uint64_t hash_texts(const struct vkh_eval *eval, uint64_t *n_tokens)
{
    uint64_t hash = 0;
    *n_tokens = 0;
    for (uint32_t i = 0; i < eval->n_texts; i++) {
        const uint32_t n = vkh_eval_tokens(eval, i, eval->n_lengths - 1);
        hash = XXH3_64bits_withSeed(eval->texts[i].ids, n * sizeof(*eval->texts[i].ids), hash);
        hash = XXH3_64bits_withSeed(&n, sizeof(n), hash);
        *n_tokens += n;
    }
    return hash;
}

static void write_regime(FILE *stream, const struct vkh_ppl_regime *regime)
{
    switch (regime->kind) {
    case VKH_REGIME_PREFIX:
        fputs("regime prefix", stream);
        break;
    case VKH_REGIME_WINDOW:
        fprintf(stream, "regime window %u stride %u", regime->window, regime->stride);
        break;
    case VKH_REGIME_CHUNKED:
        fprintf(stream, "regime chunked %u", regime->window);
        break;
    }
    if (regime->has_bos)
        fprintf(stream, " bos %d", regime->bos);
    fputc('\n', stream);
}

static void write_device(FILE *stream, const struct vkh_caps *caps)
{
    fprintf(stream, "device %s\n", caps->device_name);
    fprintf(stream, "driver %s %s, API %u.%u.%u\n", caps->driver_name, caps->driver_info,
            caps->api_version >> 22, caps->api_version >> 12 & 0x3ff, caps->api_version & 0xfff);
}

static void write_all(FILE *stream, const struct vkh_device *device, const struct vkh_model *model,
                      const struct vkh_graph *graph, const struct vkh_eval *eval)
{
    const struct vkh_graph_plan *plan = vkh_graph_get_plan(graph);
    uint64_t n_tokens;
    const uint64_t texts = hash_texts(eval, &n_tokens);
    fprintf(stream, "vkhrope %s\nmodel %016" PRIx64 "\n", VKH_VERSION, hash_model(model));
    write_device(stream, vkh_device_caps(device));
    fprintf(stream, "variants %s\n", vkh_graph_variants(graph));
    fprintf(stream, "kv-type %s\nchunk %u\n", plan->kv.half ? "f16" : "f32", plan->chunk);
    fprintf(stream, "texts %u of %" PRIu64 " tokens, %016" PRIx64 "\n", eval->n_texts, n_tokens,
            texts);
    write_regime(stream, &eval->options->regime);
    fprintf(stream, "original-max-len %u\nseparate %d\nmethods",
            eval->ropes[VKH_OWN].original_max_len, eval->options->separate);
    for (uint32_t i = 0; i < eval->n_lanes; i++)
        fprintf(stream, " %s", eval->lanes[i].applied);
    fputs("\nlengths", stream);
    for (uint32_t i = 0; i < eval->n_lengths; i++)
        fprintf(stream, " %u", eval->lengths[i]);
    fputc('\n', stream);
}

const char *vkh_identity(const struct vkh_device *device, const struct vkh_model *model,
                         const struct vkh_graph *graph, const struct vkh_eval *eval,
                         const struct vkh_log *log, struct vkh_arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    const char *copy = NULL;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        write_all(stream, device, model, graph, eval);
        const bool failed = ferror(stream) != 0;
        if (fclose(stream) == 0 && !failed)
            copy = vkh_arena_strndup(arena, text, size);
        free(text);
    }
    if (!copy)
        vkh_fail(log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    return copy;
}
