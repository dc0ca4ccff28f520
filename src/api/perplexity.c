// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/perplexity.h>

#include "api/rope_source.h"
#include "base/clock.h"
#include "base/log.h"
#include "eval/cells.h"
#include "eval/curve.h"
#include "eval/memory.h"
#include "eval/walk.h"
#include "gpu/stream.h"
#include "model/model.h"

// Results with the memory that everything in them lies in.
struct owned_results {
    struct vkh_ppl_results results; // first: what the caller holds
    struct vkh_arena arena;
};

struct evaluation {
    struct vkh_device *device;
    const struct vkh_model *model;
    const struct vkh_ppl_options *options;
    const struct vkh_log *log;
    struct vkh_rope_source rope;
    struct vkh_eval eval;
    struct vkh_graph_plan graph_plan;
    struct vkh_stream *stream;
    struct vkh_graph *graph;
};

static void size_up(struct evaluation *e, enum vkh_kv_type kv, struct vkh_ppl_memory *memory)
{
    const struct vkh_graph_wish wish = {.chunk = e->options->chunk, .kv = kv};
    e->graph_plan = vkh_graph_plan(e->device, e->model, &wish);
    *memory = vkh_eval_memory(&e->eval, &e->graph_plan, e->model->config.n_layers,
                              vkh_device_caps(e->device)->heap_bytes);
}

// Lays the evaluation out and sizes it.
static enum vkh_status plan(struct evaluation *e, struct vkh_arena *arena,
                            struct vkh_ppl_memory *memory)
{
    const struct vkh_config *c = &e->model->config;
    enum vkh_status status = vkh_rope_source_init(c, e->log, &e->rope);
    if (status == VKH_OK)
        status = vkh_eval_init(e->options, &e->rope.setting, c->vocab, arena, e->log, &e->eval);
    if (status != VKH_OK)
        return status;
    size_up(e, e->options->kv_type, memory);
    if (e->options->kv_type == VKH_KV_AUTO && !memory->fits)
        size_up(e, VKH_KV_F16, memory);
    return VKH_OK;
}

enum vkh_status vkh_ppl_plan(struct vkh_device *device, const struct vkh_model *model,
                             const struct vkh_ppl_options *options, const struct vkh_log *log,
                             struct vkh_ppl_memory *memory)
{
    struct vkh_arena arena = {0};
    struct evaluation e = {.device = device, .model = model, .options = options, .log = log};
    const enum vkh_status status = plan(&e, &arena, memory);
    vkh_arena_fini(&arena);
    return status;
}

// The weights go through a stream of their own, so that the evaluation's times are its own.
static enum vkh_status create_graph(struct evaluation *e)
{
    struct vkh_stream *upload;
    enum vkh_status status = vkh_stream_create(e->device, &upload);
    if (status == VKH_OK)
        status = vkh_graph_create(e->device, upload, e->model, &e->graph_plan, &e->graph);
    vkh_stream_destroy(&upload);
    return status;
}

static char *copy(struct vkh_arena *arena, const char *text)
{
    return vkh_arena_strndup(arena, text, strlen(text));
}

static enum vkh_status describe(const struct evaluation *e, struct owned_results *owned)
{
    const struct vkh_caps *caps = vkh_device_caps(e->device);
    const struct vkh_model_info info = vkh_model_get_info(e->model);
    struct vkh_ppl_results *r = &owned->results;
    struct vkh_arena *arena = &owned->arena;
    char driver[sizeof(caps->driver_name) + sizeof(caps->driver_info)];
    snprintf(driver, sizeof(driver), "%s%s%s", caps->driver_name, *caps->driver_info ? " " : "",
             caps->driver_info);
    r->model = copy(arena, info.name);
    r->architecture = copy(arena, info.architecture);
    r->weight_type = copy(arena, info.weight_type);
    r->device = copy(arena, caps->device_name);
    r->driver = copy(arena, driver);
    r->variants = copy(arena, vkh_graph_variants(e->graph));
    r->original_max_len_from_model = e->options->original_max_len == 0;
    r->original_max_len =
        e->options->original_max_len ? e->options->original_max_len : info.context_length;
    r->chunk = vkh_graph_get_plan(e->graph)->chunk;
    r->own_scaling = copy(arena, info.own_scaling);
    r->regime = e->options->regime;
    r->n_methods = e->eval.n_lanes;
    r->n_lengths = e->eval.n_lengths;
    r->lengths = e->eval.lengths;
    r->n_sweeps = e->eval.n_sweeps;
    r->sweeps = e->eval.sweeps;
    r->device_tokens = e->eval.device_tokens;
    if (!r->model || !r->architecture || !r->weight_type || !r->device || !r->driver ||
        !r->variants || !r->own_scaling)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    return VKH_OK;
}

// How many readings of one text a lane takes, at the most.
static uint32_t count_passes(const struct vkh_eval *eval, uint32_t lane)
{
    uint32_t most = 0;
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < eval->n_readings; i++)
            n += eval->readings[i].lane == lane && eval->readings[i].text == text;
        most = n > most ? n : most;
    }
    return most;
}

static enum vkh_status describe_methods(const struct evaluation *e, struct owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    struct vkh_ppl_results *r = &owned->results;
    r->methods = vkh_arena_alloc(&owned->arena, eval->n_lanes, sizeof(*r->methods));
    r->method_details = vkh_arena_alloc(&owned->arena, eval->n_lanes, sizeof(*r->method_details));
    if (!r->methods || !r->method_details)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    for (uint32_t i = 0; i < eval->n_lanes; i++) {
        const struct vkh_lane *lane = &eval->lanes[i];
        const uint32_t passes = count_passes(eval, i);
        r->methods[i] = lane->name;
        r->method_details[i] =
            (struct vkh_ppl_method){lane->applied, passes, passes > 1 ? lane->why : NULL};
    }
    return VKH_OK;
}

static enum vkh_status describe_texts(const struct evaluation *e, struct owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    struct vkh_ppl_results *r = &owned->results;
    uint64_t *tokens = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*tokens));
    uint32_t *used = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*used));
    r->n_texts = eval->n_texts;
    r->text_names = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*r->text_names));
    bool good = tokens && used && r->text_names;
    for (uint32_t i = 0; i < eval->n_texts && good; i++) {
        const struct vkh_reading *reading = vkh_eval_longest_reading(eval, i, 0);
        tokens[i] = eval->texts[i].n_ids;
        used[i] = reading ? reading->n_tokens : 0;
        r->tokens_available += tokens[i];
        r->text_names[i] = copy(&owned->arena, eval->texts[i].name ? eval->texts[i].name : "");
        good = r->text_names[i] != NULL;
    }
    r->text_tokens = tokens;
    r->text_used = used;
    return good ? VKH_OK : vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
}

static enum vkh_status walk(struct evaluation *e, struct vkh_ppl_results *results)
{
    const struct vkh_walk_target target = {e->device, e->stream, e->graph,
                                           e->model->config.n_layers, e->log};
    const double began = vkh_clock();
    const enum vkh_status status = vkh_eval_walk(&e->eval, &target);
    const struct vkh_stream_times times = vkh_stream_times(e->stream);
    results->seconds = vkh_clock() - began;
    results->device_seconds = times.busy;
    results->longest_submit = times.longest;
    return status;
}

// Each lane's NLL of each text, at the longest length.
static enum vkh_status keep_nll(const struct evaluation *e, struct owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    const size_t n = (size_t)eval->n_texts * eval->n_lanes;
    if (!e->options->keep_nll)
        return VKH_OK;
    float **nll = owned->results.nll = vkh_arena_alloc(&owned->arena, n, sizeof(*nll));
    if (!nll)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    for (uint32_t i = 0; i < n; i++) {
        const struct vkh_reading *reading =
            vkh_eval_longest_reading(eval, i / eval->n_lanes, i % eval->n_lanes);
        nll[i] = reading ? reading->nll : NULL;
    }
    return VKH_OK;
}

static enum vkh_status tabulate(const struct evaluation *e, struct owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    struct vkh_ppl_results *r = &owned->results;
    struct vkh_arena *arena = &owned->arena;
    const size_t n = (size_t)eval->n_lanes * eval->n_lengths;
    r->cells = vkh_arena_alloc(arena, n, sizeof(*r->cells));
    r->text_cells = vkh_arena_alloc(arena, n, eval->n_texts * sizeof(*r->text_cells));
    if (!r->cells || !r->text_cells)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    enum vkh_status status = keep_nll(e, owned);
    if (status == VKH_OK)
        status = vkh_eval_cells(eval, e->log, r->cells, r->text_cells);
    return status == VKH_OK ? vkh_eval_curves(eval, arena, e->log, r->curves) : status;
}

static enum vkh_status evaluate(struct evaluation *e, struct owned_results *owned)
{
    struct vkh_ppl_memory *memory = &owned->results.memory;
    enum vkh_status status = plan(e, &owned->arena, memory);
    if (status == VKH_OK && !memory->fits)
        status = vkh_fail(e->log, VKH_ERR_DEVICE_MEMORY,
                          "the run needs %llu bytes of device memory; %s has %llu",
                          (unsigned long long)memory->peak, vkh_device_caps(e->device)->device_name,
                          (unsigned long long)memory->device);
    if (status == VKH_OK)
        status = create_graph(e);
    if (status == VKH_OK)
        status = vkh_stream_create(e->device, &e->stream);
    if (status == VKH_OK)
        status =
            vkh_eval_prepare(&e->eval, vkh_graph_get_plan(e->graph)->chunk, &owned->arena, e->log);
    if (status == VKH_OK)
        status = walk(e, &owned->results);
    if (status == VKH_OK)
        status = describe(e, owned);
    if (status == VKH_OK)
        status = describe_methods(e, owned);
    if (status == VKH_OK)
        status = describe_texts(e, owned);
    if (status == VKH_OK)
        status = tabulate(e, owned);
    vkh_stream_destroy(&e->stream);
    vkh_graph_destroy(&e->graph);
    return status;
}

enum vkh_status vkh_ppl_run(struct vkh_device *device, const struct vkh_model *model,
                            const struct vkh_ppl_options *options, const struct vkh_log *log,
                            struct vkh_ppl_results **results)
{
    *results = NULL;
    struct owned_results *owned = calloc(1, sizeof(*owned));
    if (!owned)
        return vkh_fail(log, VKH_ERR_MEMORY, "results: out of host memory");
    struct evaluation e = {.device = device, .model = model, .options = options, .log = log};
    const enum vkh_status status = evaluate(&e, owned);
    struct vkh_ppl_results *made = &owned->results;
    if (status != VKH_OK)
        vkh_ppl_results_destroy(&made);
    *results = made;
    return status;
}

void vkh_ppl_results_destroy(struct vkh_ppl_results **results)
{
    struct owned_results *owned = results ? (struct owned_results *)*results : NULL;
    if (!owned)
        return;
    vkh_arena_fini(&owned->arena);
    free(owned);
    *results = NULL;
}
