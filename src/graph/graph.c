// SPDX-License-Identifier: MIT
#include "graph/graph.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"
#include "graph/tier.h"
#include "graph/tune.h"
#include "model/model.h"

static const struct vkh_tier *tier_of(const struct vkh_graph_plan *plan)
{
    return plan->layout.side ? &vkh_tier_matrix : &vkh_tier_rows;
}

static uint64_t activation_bytes(const struct vkh_config *config, const struct vkh_graph_plan *plan,
                                 uint64_t *largest)
{
    struct vkh_activation_size sizes[VKH_N_ACTIVATIONS];
    uint64_t bytes = 0;
    tier_of(plan)->sizes(config, plan, sizes);
    *largest = 0;
    for (uint32_t i = 0; i < VKH_N_ACTIVATIONS; i++) {
        bytes += sizes[i].bytes;
        *largest = vkh_max_size(*largest, sizes[i].bytes);
    }
    return bytes;
}

// The largest chunk up to `plan->chunk` whose buffers the device binds.
static void fit_chunk(const struct vkh_caps *caps, const struct vkh_config *config,
                      struct vkh_graph_plan *plan)
{
    const uint64_t limit = vkh_min_size(caps->max_storage_range, caps->max_allocation);
    uint64_t largest;
    plan->chunk = (uint32_t)vkh_max_size(plan->chunk / VKH_KEY_TILE, 1) * VKH_KEY_TILE;
    plan->activations = activation_bytes(config, plan, &largest);
    while (plan->chunk > VKH_KEY_TILE && largest > limit) {
        plan->chunk = (uint32_t)vkh_round_up(plan->chunk / 2, VKH_KEY_TILE);
        plan->activations = activation_bytes(config, plan, &largest);
    }
}

struct vkh_graph_plan vkh_graph_plan(struct vkh_device *device, const struct vkh_model *model,
                                     const struct vkh_graph_wish *wish)
{
    enum { CPU_CHUNK = 512, ROWS_CHUNK = 2048, MATRIX_CHUNK = 8192 };
    const struct vkh_config *c = &model->config;
    const struct vkh_caps *caps = vkh_device_caps(device);
    struct vkh_graph_plan plan = {
        .kv = {.n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim},
        .post_norms = model->layers[0].post_attn_norm || model->layers[0].post_ffn_norm,
        .compared = wish->compared,
        .walk = wish->walk,
    };
    const bool matrix =
        !wish->rows && wish->kv != VKH_KV_F32 && vkh_tier_matrix_takes(device, model, &plan.layout);
    if (!matrix)
        vkh_tune_rows(device, model);
    plan.kv.half = matrix || wish->kv == VKH_KV_F16;
    plan.kv.packed = wish->kv == VKH_KV_Q8_0;
    plan.chunk = wish->chunk    ? wish->chunk
                 : caps->is_cpu ? CPU_CHUNK
                 : matrix       ? MATRIX_CHUNK
                                : ROWS_CHUNK;
    plan.weights = vkh_weights_plan(model, &plan.layout, plan.walk == VKH_WALK_STREAMED);
    if (matrix && plan.walk != VKH_WALK_STREAMED)
        plan.loading = vkh_upload_landing(vkh_weights_staging(model, &plan.layout, false));
    plan.unpacked = matrix ? vkh_weights_unpacked(device, model, &plan.layout) : 0;
    fit_chunk(caps, c, &plan);
    return plan;
}

static enum vkh_status create_kernels(struct vkh_graph *graph)
{
    struct vkh_device *device = graph->device;
    enum vkh_status status = vkh_embed_create(device, graph->model->embed->type, &graph->embed);
    if (status == VKH_OK)
        status = vkh_rmsnorm_create(device, NULL, &graph->norm);
    if (status == VKH_OK)
        status = vkh_bias_create(device, &graph->bias);
    if (status == VKH_OK && graph->plan.kv.packed)
        status = vkh_kv_pack_create(device, &graph->plan.layout, graph->config.head_dim,
                                    &graph->kv_pack);
    return status == VKH_OK ? graph->tier->create(graph) : status;
}

static enum vkh_status create_activations(struct vkh_graph *graph)
{
    struct vkh_activation_size sizes[VKH_N_ACTIVATIONS];
    graph->tier->sizes(&graph->config, &graph->plan, sizes);
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < VKH_N_ACTIVATIONS && status == VKH_OK; i++)
        if (sizes[i].bytes)
            status =
                vkh_buffer_create(graph->device, sizes[i].name, sizes[i].bytes, VKH_MEMORY_DEVICE,
                                  (struct vkh_buffer **)((char *)&graph->act + sizes[i].buffer));
    return status;
}

enum vkh_status vkh_graph_create(struct vkh_device *device, struct vkh_stream *stream,
                                 const struct vkh_model *model, const struct vkh_graph_plan *plan,
                                 struct vkh_graph **out)
{
    *out = NULL;
    struct vkh_graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "forward pass: out of host memory");
    graph->device = device;
    graph->model = model;
    graph->config = model->config;
    graph->plan = *plan;
    graph->tier = tier_of(plan);
    enum vkh_status status = create_activations(graph);
    if (status == VKH_OK)
        status = vkh_window_init(device, stream, model, &plan->layout,
                                 plan->walk == VKH_WALK_STREAMED, &graph->window);
    if (status == VKH_OK)
        status = create_kernels(graph);
    if (status != VKH_OK) {
        vkh_graph_destroy(&graph);
        return status;
    }
    graph->tier->describe(graph, graph->variants, sizeof(graph->variants));
    graph->tier->identify(graph, graph->numerics, sizeof(graph->numerics));
    *out = graph;
    return VKH_OK;
}

enum vkh_status vkh_graph_beside(const struct vkh_graph *lender, const struct vkh_graph_plan *plan,
                                 struct vkh_graph **out)
{
    struct vkh_graph *graph = *out = malloc(sizeof(*graph));
    if (!graph)
        return vkh_fail(vkh_device_log(lender->device), VKH_ERR_MEMORY,
                        "forward pass: out of host memory");
    *graph = *lender;
    graph->plan = *plan;
    graph->act = (struct vkh_activations){0};
    graph->borrowed = true;
    enum vkh_status status = create_activations(graph);
    if (status == VKH_OK)
        status = create_kernels(graph);
    if (status != VKH_OK)
        vkh_graph_destroy(out);
    return status;
}

void vkh_graph_destroy(struct vkh_graph **pointer)
{
    struct vkh_graph *graph = pointer ? *pointer : NULL;
    if (!graph)
        return;
    if (!graph->borrowed)
        vkh_window_fini(&graph->window);
    struct vkh_activations *act = &graph->act;
    struct vkh_buffer **buffers[] = {&act->residual, &act->normed,  &act->qkv,   &act->queries,
                                     &act->attended, &act->gate_up, &act->gated, &act->projected,
                                     &act->scratch,  &act->panels};
    for (uint32_t i = 0; i < VKH_COUNTOF(buffers); i++)
        vkh_buffer_destroy(buffers[i]);
    free(graph);
    *pointer = NULL;
}

const struct vkh_graph_plan *vkh_graph_get_plan(const struct vkh_graph *graph)
{
    return &graph->plan;
}

uint32_t vkh_graph_hidden_size(const struct vkh_graph *graph)
{
    return graph->config.hidden;
}

const char *vkh_graph_variants(const struct vkh_graph *graph)
{
    return graph->variants;
}

const char *vkh_graph_numerics(const struct vkh_graph *graph)
{
    return graph->numerics;
}

struct vkh_range vkh_graph_residual(const struct vkh_graph *graph, uint32_t from, uint32_t n)
{
    return vkh_graph_rows(graph, graph->act.residual, from, n);
}

void vkh_graph_logits(const struct vkh_graph *graph, struct vkh_stream *stream,
                      struct vkh_range residual, const struct vkh_buffer *logits, uint32_t n)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    graph->tier->normalise(graph, cmd, residual, graph->window.weights.output_norm, n);
    graph->tier->project(graph, cmd, vkh_weights_head_stack(&graph->window.weights),
                         graph->act.normed, logits, n, false);
}

static void embed(const struct vkh_graph *graph, struct vkh_cmd *cmd, const struct vkh_pass *pass,
                  uint32_t from, uint32_t n)
{
    vkh_embed_record(&graph->embed, cmd,
                     &(struct vkh_embed_args){
                         .ids = vkh_range(pass->ids, (uint64_t)from * 4, (uint64_t)n * 4),
                         .table = &graph->window.weights.embed.weights[0],
                         .out = vkh_graph_residual(graph, 0, n),
                         .n_tokens = n,
                         .scale = (float)graph->config.embedding_scale,
                     });
}

static void score(const struct vkh_graph *graph, struct vkh_cmd *cmd, const struct vkh_pass *pass,
                  uint32_t from, uint32_t n)
{
    const uint64_t at = (uint64_t)from * 4, bytes = (uint64_t)n * 4;
    graph->tier->normalise(graph, cmd, vkh_graph_residual(graph, 0, n),
                           graph->window.weights.output_norm, n);
    graph->tier->score(graph, cmd, vkh_range(pass->targets, at, bytes),
                       vkh_range(pass->nll, at, bytes), n);
}

void vkh_graph_record(struct vkh_graph *graph, struct vkh_stream *stream,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    embed(graph, cmd, pass, from, n);
    for (uint32_t i = 0; i < graph->config.n_layers; i++)
        vkh_layer_record(graph, cmd, i, prefix, pass, from, n);
    score(graph, cmd, pass, from, n);
}

uint32_t vkh_graph_parts(const struct vkh_graph *graph)
{
    return vkh_weights_parts(&graph->window.weights);
}

enum vkh_status vkh_graph_enter(struct vkh_graph *graph, uint32_t part)
{
    return vkh_window_enter(&graph->window, part);
}

enum vkh_status vkh_graph_prepare(struct vkh_graph *graph)
{
    return vkh_window_prepare(&graph->window);
}

void vkh_graph_record_part(struct vkh_graph *graph, struct vkh_stream *stream, uint32_t part,
                           const struct vkh_graph_chunk *chunk)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    graph->act.residual = chunk->residual;
    if (part == 0)
        embed(graph, cmd, chunk->pass, chunk->from, chunk->n);
    else if (part <= graph->config.n_layers)
        vkh_layer_record(graph, cmd, part - 1, chunk->prefix, chunk->pass, chunk->from, chunk->n);
    else
        score(graph, cmd, chunk->pass, chunk->from, chunk->n);
    graph->act.residual = NULL;
}
