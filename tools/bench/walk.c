// SPDX-License-Identifier: MIT
// The forward pass and the published table, by the evaluation of vkhrope-ppl on random tokens.
#include "eval/walk.h"

#include <stdlib.h>

#include "api/fit.h"
#include "api/rope_source.h"
#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "bench.h"
#include "eval/cells.h"
#include "model/model.h"

static const char *const baseline[] = {"baseline"};
static const char *const published[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};

struct job {
    struct bench *bench;
    int32_t *ids; // as many as the longest length
    struct vkh_ppl_options options;
    struct vkh_rope_source rope;
    struct vkh_fit fit;
    struct vkh_graph *graph;
    struct vkh_stream *stream; // of its own, so that its times are
    struct vkh_arena arena;
    struct vkh_eval eval;
};

static enum vkh_status make_ids(struct job *job)
{
    const struct bench_args *args = job->bench->args;
    uint64_t state = 1;
    for (uint32_t i = 0; i < args->n_lengths; i++)
        job->options.n_ids = vkh_max_size(job->options.n_ids, args->lengths[i]);
    job->ids = malloc(job->options.n_ids * sizeof(*job->ids));
    if (!job->ids)
        return vkh_fail(&job->bench->log, VKH_ERR_MEMORY, "token ids: out of memory");
    for (uint64_t i = 0; i < job->options.n_ids; i++)
        job->ids[i] = (int32_t)(vkh_random(&state) % job->bench->config->vocab);
    job->options.ids = job->ids;
    return VKH_OK;
}

// Lays out the evaluation of `n` of the lengths.
static enum vkh_status lay_out(struct job *job, const uint32_t *lengths, uint32_t n)
{
    const struct vkh_config *c = job->bench->config;
    const enum vkh_status status = vkh_rope_source_init(c, &job->bench->log, &job->rope);
    if (status != VKH_OK)
        return status;
    job->options.lengths = lengths;
    job->options.n_lengths = n;
    return vkh_eval_init(&job->options, &job->rope.setting, NULL, c->vocab, &job->arena,
                         &job->bench->log, &job->eval);
}

// Chooses as vkhrope-ppl does, for all lengths at once.
static enum vkh_status plan(struct job *job)
{
    const struct bench *bench = job->bench;
    const struct bench_args *args = bench->args;
    const struct vkh_model *models[VKH_N_MODELS] = {bench->model};
    job->options.chunk = args->chunk;
    job->options.kv_type = args->kv_type;
    job->options.memory = args->memory;
    enum vkh_status status = lay_out(job, args->lengths, args->n_lengths);
    if (status == VKH_OK)
        status = vkh_fit(bench->device, &job->eval, models, &job->fit);
    if (status == VKH_OK && !job->fit.memory.fits)
        status = vkh_fail(&bench->log, VKH_ERR_DEVICE_MEMORY,
                          "the run needs %llu bytes of device memory at the least; there are %llu",
                          (unsigned long long)job->fit.memory.peak,
                          (unsigned long long)job->fit.memory.limit);
    return status;
}

static enum vkh_status open_job(struct job *job)
{
    struct bench *bench = job->bench;
    const struct vkh_graph_plan *chosen = &job->fit.models[VKH_OWN].plan;
    enum vkh_status status = make_ids(job);
    if (status == VKH_OK)
        status = plan(job);
    if (status == VKH_OK)
        status = vkh_stream_create(bench->device, &job->stream);
    if (status == VKH_OK)
        status = vkh_graph_create(bench->device,
                                  chosen->walk == VKH_WALK_STREAMED ? job->stream : bench->stream,
                                  bench->model, chosen, &job->graph);
    if (status != VKH_OK)
        return status;
    bench->layout = chosen->layout;
    bench->chunk = chosen->chunk;
    bench->kv_type = vkh_kv_type_name(&chosen->kv);
    snprintf(bench->variants, sizeof(bench->variants), "%s", vkh_graph_variants(job->graph));
    return VKH_OK;
}

static void close_job(struct job *job)
{
    vkh_graph_destroy(&job->graph);
    vkh_stream_destroy(&job->stream);
    vkh_arena_fini(&job->arena);
    free(job->ids);
}

static enum vkh_status run(void *user)
{
    struct job *job = user;
    const struct vkh_walk_target target = {.device = job->bench->device,
                                           .stream = job->stream,
                                           .graphs = {job->graph},
                                           .n_layers = {job->bench->config->n_layers},
                                           .room = job->fit.room,
                                           .log = &job->bench->log};
    return vkh_eval_walk(&job->eval, &target);
}

// The pairs of a query and a key that queries [first, end) see.
static double pairs(double first, double end)
{
    return 0.5 * (end * (end + 1.0) - first * (first + 1.0));
}

// Operations of the whole evaluation: products with the layers' matrices and the head, attention.
static double operations(const struct job *job)
{
    const struct vkh_config *c = job->bench->config;
    const struct vkh_eval *eval = &job->eval;
    const double hidden = c->hidden, query = (double)c->n_heads * c->head_dim;
    const double kv = (double)c->n_kv_heads * c->head_dim;
    const double weights =
        c->n_layers * hidden * (2.0 * query + 2.0 * kv + 3.0 * c->ffn) + hidden * c->vocab;
    double seen = 0.0;
    for (uint32_t i = 0; i < eval->n_groups; i++)
        seen += pairs(0.0, eval->groups[i].prefix_tokens);
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const double shared = eval->groups[eval->tracks[i].group].prefix_tokens;
        if (eval->tracks[i].n_tokens > shared)
            seen += pairs(shared, eval->tracks[i].n_tokens);
    }
    return 2.0 * weights * (double)eval->device_tokens + 4.0 * seen * query * c->n_layers;
}

// Measures the evaluation as laid out and adds its row; `row` is taken over.
static enum vkh_status measure(struct job *job, json_t *row)
{
    struct bench *bench = job->bench;
    const struct vkh_eval *eval = &job->eval;
    const size_t n_cells = (size_t)eval->n_lanes * eval->n_lengths;
    struct vkh_ppl_cell *cells = vkh_arena_alloc(&job->arena, n_cells, sizeof(*cells));
    struct vkh_ppl_text_cell *texts = vkh_arena_alloc(&job->arena, n_cells, sizeof(*texts));
    struct bench_times times;
    enum vkh_status status =
        cells && texts ? vkh_eval_prepare(&job->eval, (uint32_t[VKH_N_MODELS]){bench->chunk},
                                          &job->arena, &bench->log)
                       : vkh_fail(&bench->log, VKH_ERR_MEMORY, "out of memory");
    if (status == VKH_OK)
        status = bench_measure(bench->device, job->stream, run, job, bench->args->repeat, &times);
    if (status == VKH_OK)
        status = vkh_eval_cells(eval, &bench->log, cells, texts); // every result is a number
    if (status != VKH_OK) {
        json_decref(row);
        return status;
    }
    const uint64_t tokens = eval->device_tokens;
    json_t *measured = json_pack("{s:I, s:f, s:f, s:f, s:f}",                             //
                                 "device_tokens", (json_int_t)tokens,                     //
                                 "tokens_per_second", (double)tokens / times.wall.median, //
                                 "device_seconds", times.device.median,                   //
                                 "busy", times.device.median / times.wall.median,         //
                                 "nll", cells[n_cells - 1].nll);
    json_object_update_new(row, measured);
    return bench_add_row(bench, row, &times.wall, operations(job));
}

enum vkh_status bench_forward(struct bench *bench)
{
    const struct bench_args *args = bench->args;
    struct job job = {.bench = bench,
                      .options = {.methods = baseline, .n_methods = VKH_COUNTOF(baseline)}};
    enum vkh_status status = open_job(&job);
    for (uint32_t i = 0; i < args->n_lengths && status == VKH_OK; i++) {
        status = lay_out(&job, &args->lengths[i], 1);
        if (status == VKH_OK)
            status = measure(&job, json_pack("{s:I}", "length", (json_int_t)args->lengths[i]));
    }
    close_job(&job);
    return status;
}

enum vkh_status bench_table(struct bench *bench)
{
    const struct bench_args *args = bench->args;
    struct job job = {.bench = bench,
                      .options = {.methods = published,
                                  .n_methods = VKH_COUNTOF(published),
                                  .original_max_len = args->original_max_len}};
    enum vkh_status status = open_job(&job);
    if (status == VKH_OK) {
        json_t *lengths = json_array(), *methods = json_array();
        for (uint32_t i = 0; i < job.eval.n_lengths; i++)
            json_array_append_new(lengths, json_integer(job.eval.lengths[i]));
        for (uint32_t i = 0; i < job.eval.n_lanes; i++)
            json_array_append_new(methods, json_string(job.eval.lanes[i].name));
        status = measure(&job, json_pack("{s:I, s:o, s:o}",                                 //
                                         "length", (json_int_t)vkh_eval_longest(&job.eval), //
                                         "lengths", lengths,                                //
                                         "methods", methods));
    }
    close_job(&job);
    return status;
}
