// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/perplexity.h>

#include "api/fit.h"
#include "api/identity.h"
#include "api/rope_source.h"
#include "base/clock.h"
#include "base/log.h"
#include "eval/cells.h"
#include "eval/curve.h"
#include "eval/divergence.h"
#include "eval/walk.h"
#include "gpu/stream.h"
#include "model/hash.h"
#include "model/model.h"
#include "report/owned.h"

struct evaluation {
    struct vkh_device *device;
    const struct vkh_model *models[VKH_N_MODELS]; // the second NULL: there is none
    const struct vkh_ppl_options *options;
    const struct vkh_log *log;
    struct vkh_rope_source ropes[VKH_N_MODELS];
    struct vkh_eval eval;
    struct vkh_fit fit;
    struct vkh_stream *stream;
    struct vkh_graph *graphs[VKH_N_MODELS];
};

static struct evaluation evaluation_of(struct vkh_device *device, const struct vkh_model *model,
                                       const struct vkh_ppl_options *options,
                                       const struct vkh_log *log)
{
    return (struct evaluation){
        .device = device, .models = {model, options->kl_model}, .options = options, .log = log};
}

// Ids mean the same in both models only if there are as many.
static enum vkh_status check_vocabularies(const struct evaluation *e)
{
    const struct vkh_config *own = &e->models[VKH_OWN]->config;
    const struct vkh_config *other = &e->models[VKH_OTHER]->config;
    if (own->vocab == other->vocab)
        return VKH_OK;
    return vkh_fail(e->log, VKH_ERR_ARGUMENT,
                    "kl_model: %s has a vocabulary of %u, %s one of %u: there is no KL divergence",
                    other->name, other->vocab, own->name, own->vocab);
}

// Lays the evaluation out and sizes it.
static enum vkh_status plan(struct evaluation *e, struct vkh_arena *arena)
{
    const struct vkh_rope_setting *other = NULL;
    enum vkh_status status =
        vkh_rope_source_init(&e->models[VKH_OWN]->config, e->log, &e->ropes[VKH_OWN]);
    if (status == VKH_OK && e->models[VKH_OTHER]) {
        other = &e->ropes[VKH_OTHER].setting;
        status = check_vocabularies(e);
        if (status == VKH_OK)
            status =
                vkh_rope_source_init(&e->models[VKH_OTHER]->config, e->log, &e->ropes[VKH_OTHER]);
    }
    if (status == VKH_OK)
        status = vkh_eval_init(e->options, &e->ropes[VKH_OWN].setting, other,
                               e->models[VKH_OWN]->config.vocab, arena, e->log, &e->eval);
    return status == VKH_OK ? vkh_fit(e->device, &e->eval, e->models, &e->fit) : status;
}

enum vkh_status vkh_ppl_plan(struct vkh_device *device, const struct vkh_model *model,
                             const struct vkh_ppl_options *options, const struct vkh_log *log,
                             struct vkh_ppl_memory *memory)
{
    struct vkh_arena arena = {0};
    struct evaluation e = evaluation_of(device, model, options, log);
    const enum vkh_status status = plan(&e, &arena);
    *memory = e.fit.memory;
    vkh_arena_fini(&arena);
    return status;
}

// Weights that are uploaded before the evaluation go through a stream of their own, so that its
// times are its own.
static enum vkh_status create_graphs(struct evaluation *e)
{
    struct vkh_stream *upload;
    enum vkh_status status = vkh_stream_create(e->device, &upload);
    for (int i = 0; i < VKH_N_MODELS && status == VKH_OK; i++)
        if (e->models[i])
            status = vkh_graph_create(e->device,
                                      e->fit.memory.walk == VKH_WALK_STREAMED ? e->stream : upload,
                                      e->models[i], &e->fit.models[i].plan, &e->graphs[i]);
    vkh_stream_destroy(&upload);
    return status;
}

static char *copy(struct vkh_arena *arena, const char *text)
{
    return vkh_arena_strndup(arena, text, strlen(text));
}

static enum vkh_status describe(const struct evaluation *e, struct vkh_owned_results *owned)
{
    const struct vkh_caps *caps = vkh_device_caps(e->device);
    const struct vkh_model_info info = vkh_model_get_info(e->models[VKH_OWN]);
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
    r->variants = copy(arena, vkh_graph_variants(e->graphs[VKH_OWN]));
    r->original_max_len_from_model = e->options->original_max_len == 0;
    r->original_max_len =
        e->options->original_max_len ? e->options->original_max_len : info.context_length;
    r->chunk = e->fit.models[VKH_OWN].plan.chunk;
    r->own_scaling = copy(arena, info.own_scaling);
    r->regime = e->options->regime;
    r->n_methods = e->eval.n_lanes;
    r->n_lengths = e->eval.n_lengths;
    r->lengths = e->eval.lengths;
    r->n_sweeps = e->eval.n_sweeps;
    r->sweeps = e->eval.sweeps;
    r->device_tokens = e->eval.device_tokens;
    r->block = e->eval.block;
    r->n_devices = 1;
    if (!r->model || !r->architecture || !r->weight_type || !r->device || !r->driver ||
        !r->variants || !r->own_scaling)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    return VKH_OK;
}

// What the methods are compared with.
static enum vkh_status describe_reference(const struct evaluation *e,
                                          struct vkh_owned_results *owned)
{
    struct vkh_ppl_results *r = &owned->results;
    if (e->eval.reference == VKH_NONE)
        return VKH_OK;
    r->kl_method = e->eval.lanes[e->eval.reference].name;
    if (!e->models[VKH_OTHER])
        return VKH_OK;
    const struct vkh_model_info info = vkh_model_get_info(e->models[VKH_OTHER]);
    r->kl_model = copy(&owned->arena, info.name);
    r->kl_weight_type = copy(&owned->arena, info.weight_type);
    return r->kl_model && r->kl_weight_type
               ? VKH_OK
               : vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
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

static enum vkh_status describe_methods(const struct evaluation *e, struct vkh_owned_results *owned)
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
        // A lane's own schedule, or that of what it is compared with.
        const char *why = lane->why                       ? lane->why
                          : e->eval.reference != VKH_NONE ? eval->lanes[eval->reference].why
                                                          : NULL;
        r->method_details[i] =
            (struct vkh_ppl_method){lane->applied, passes, passes > 1 ? why : NULL, r->device};
    }
    return VKH_OK;
}

static enum vkh_status describe_texts(const struct evaluation *e, struct vkh_owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    struct vkh_ppl_results *r = &owned->results;
    uint64_t *tokens = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*tokens));
    uint32_t *used = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*used));
    uint64_t *digests = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*digests));
    r->n_texts = eval->n_texts;
    r->text_names = vkh_arena_alloc(&owned->arena, eval->n_texts, sizeof(*r->text_names));
    bool good = tokens && used && digests && r->text_names;
    for (uint32_t i = 0; i < eval->n_texts && good; i++) {
        const struct vkh_reading *reading = vkh_eval_longest_reading(eval, i, 0);
        tokens[i] = eval->texts[i].n_ids;
        digests[i] = vkh_hash_bytes((const char *)eval->texts[i].ids, tokens[i] * sizeof(int32_t));
        used[i] = reading ? reading->n_tokens : 0;
        r->tokens_available += tokens[i];
        r->text_names[i] = copy(&owned->arena, eval->texts[i].name ? eval->texts[i].name : "");
        good = r->text_names[i] != NULL;
    }
    r->text_tokens = tokens;
    r->text_used = used;
    r->text_digests = digests;
    return good ? VKH_OK : vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
}

static enum vkh_status walk(struct evaluation *e, struct vkh_owned_results *owned)
{
    struct vkh_ppl_results *results = &owned->results;
    struct vkh_walk_target target = {
        .device = e->device,
        .stream = e->stream,
        .graphs = {e->graphs[VKH_OWN], e->graphs[VKH_OTHER]},
        .n_layers = {e->fit.models[VKH_OWN].n_layers, e->fit.models[VKH_OTHER].n_layers},
        .room = e->fit.room,
        .log = e->log,
    };
    const double began = vkh_clock();
    if (e->options->checkpoint) {
        target.checkpoint = e->options->checkpoint;
        target.identity =
            vkh_identity(e->device, e->models, e->graphs, &e->eval, e->log, &owned->arena);
        if (!target.identity)
            return VKH_ERR_MEMORY;
    }
    const enum vkh_status status = vkh_eval_walk(&e->eval, &target);
    const struct vkh_stream_times times = vkh_stream_times(e->stream);
    const struct vkh_spent *earlier = &e->eval.earlier;
    results->seconds = earlier->seconds + vkh_clock() - began;
    results->device_seconds = earlier->device + times.busy;
    results->longest_submit = fmax(earlier->longest, times.longest);
    return status;
}

// Each lane's NLL of each text, at the longest length, and its divergences.
static enum vkh_status keep_nll(const struct evaluation *e, struct vkh_owned_results *owned)
{
    const struct vkh_eval *eval = &e->eval;
    const size_t n = (size_t)eval->n_texts * eval->n_lanes;
    if (!e->options->keep_nll)
        return VKH_OK;
    float **nll = vkh_arena_alloc(&owned->arena, n, sizeof(*nll));
    struct vkh_ppl_token_kl **kl = vkh_arena_alloc(&owned->arena, n, sizeof(*kl));
    if (!nll || !kl)
        return vkh_fail(e->log, VKH_ERR_MEMORY, "results: out of host memory");
    for (uint32_t i = 0; i < n; i++) {
        const struct vkh_reading *reading =
            vkh_eval_longest_reading(eval, i / eval->n_lanes, i % eval->n_lanes);
        nll[i] = reading ? reading->nll : NULL;
        kl[i] = reading ? reading->kl : NULL;
    }
    owned->results.nll = nll;
    owned->results.token_kl = eval->reference == VKH_NONE ? NULL : kl;
    return VKH_OK;
}

// What leaves the range of fp16 is infinite on cooperative matrices, and no number in 8 bits.
static const char *remedy(const struct evaluation *e)
{
    const struct vkh_graph_plan *plan = &e->fit.models[VKH_OWN].plan;
    if (!plan->layout.side)
        return plan->kv.packed
                   ? "keys and values in 8 bits end at 8.3 million, those of --kv-type f32 do not"
                   : NULL;
    if (plan->layout.bf16)
        return NULL;
    return plan->layout.has_bf16
               ? "fp16 operands end at 65504, those of --variant operands=bf16 do not"
               : "fp16 operands end at 65504, the fp32 of --variant tier=rows does not";
}

// Names what is to blame where results are not finite: weights that are not.
static enum vkh_status check_weights(const struct evaluation *e)
{
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_N_MODELS && status == VKH_OK; i++)
        if (e->models[i])
            status = vkh_model_check_finite(e->models[i], e->log);
    return status;
}

static enum vkh_status tabulate(const struct evaluation *e, struct vkh_owned_results *owned)
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
    if (status == VKH_OK && !vkh_eval_is_finite(eval))
        status = check_weights(e);
    if (status == VKH_OK)
        status = vkh_eval_cells(eval, e->log, r->cells, r->text_cells);
    if (status == VKH_OK && eval->reference != VKH_NONE)
        status = vkh_eval_divergences(eval, arena, e->log, &r->kl);
    return status == VKH_OK ? vkh_eval_curves(eval, arena, e->log, r->curves) : status;
}

static enum vkh_status check_fit(const struct evaluation *e)
{
    const struct vkh_ppl_memory *m = &e->fit.memory;
    if (m->fits)
        return VKH_OK;
    const bool given = m->limit < m->device;
    return vkh_fail(e->log, VKH_ERR_DEVICE_MEMORY,
                    "the run needs %llu bytes of device memory at the least; %s %llu",
                    (unsigned long long)m->peak,
                    given ? "it may take" : vkh_device_caps(e->device)->device_name,
                    (unsigned long long)m->limit);
}

static enum vkh_status evaluate(struct evaluation *e, struct vkh_owned_results *owned)
{
    enum vkh_status status = plan(e, &owned->arena);
    if (status == VKH_OK)
        status = check_fit(e);
    owned->results.memory = e->fit.memory;
    if (status == VKH_OK)
        status = vkh_stream_create(e->device, &e->stream);
    if (status == VKH_OK)
        status = create_graphs(e);
    if (status == VKH_OK)
        status = vkh_eval_prepare(
            &e->eval,
            (uint32_t[]){e->fit.models[VKH_OWN].plan.chunk, e->fit.models[VKH_OTHER].plan.chunk},
            &owned->arena, e->log);
    if (status == VKH_OK)
        status = walk(e, owned);
    if (status == VKH_OK)
        status = describe(e, owned);
    if (status == VKH_OK)
        status = describe_reference(e, owned);
    if (status == VKH_OK)
        status = describe_methods(e, owned);
    if (status == VKH_OK)
        status = describe_texts(e, owned);
    e->eval.remedy = remedy(e);
    for (int i = 0; i < VKH_N_MODELS; i++)
        e->eval.models[i] = e->models[i] ? e->models[i]->config.name : NULL;
    if (status == VKH_OK)
        status = tabulate(e, owned);
    for (int i = 0; i < VKH_N_MODELS; i++)
        vkh_graph_destroy(&e->graphs[i]);
    vkh_stream_destroy(&e->stream);
    return status;
}

enum vkh_status vkh_ppl_run(struct vkh_device *device, const struct vkh_model *model,
                            const struct vkh_ppl_options *options, const struct vkh_log *log,
                            struct vkh_ppl_results **results)
{
    *results = NULL;
    struct vkh_owned_results *owned = calloc(1, sizeof(*owned));
    if (!owned)
        return vkh_fail(log, VKH_ERR_MEMORY, "results: out of host memory");
    struct evaluation e = evaluation_of(device, model, options, log);
    const enum vkh_status status = evaluate(&e, owned);
    struct vkh_ppl_results *made = &owned->results;
    if (status != VKH_OK)
        vkh_ppl_results_destroy(&made);
    *results = made;
    return status;
}

void vkh_ppl_results_destroy(struct vkh_ppl_results **results)
{
    struct vkh_owned_results *owned = results ? (struct vkh_owned_results *)*results : NULL;
    if (!owned)
        return;
    vkh_arena_fini(&owned->arena);
    free(owned);
    *results = NULL;
}
