// SPDX-License-Identifier: MIT
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "graph/layer.h"
#include "model/model.h"

// The widest activation of a token, in elements.
static uint64_t widest(const struct vkh_config *c)
{
    return vkh_max_size(vkh_max_size(vkh_qkv_width(c), 2 * (uint64_t)c->ffn), c->hidden);
}

static uint32_t fitting_chunk(const struct vkh_caps *caps, const struct vkh_model *model,
                              uint32_t wanted)
{
    enum { CPU_CHUNK = 512, GPU_CHUNK = 2048 };
    uint64_t chunk = wanted ? wanted : caps->is_cpu ? CPU_CHUNK : GPU_CHUNK;
    const uint64_t limit = vkh_min_size(caps->max_storage_range, caps->max_allocation);
    chunk = vkh_min_size(chunk, limit / (widest(&model->config) * 4));
    while (chunk > VKH_KEY_TILE &&
           vkh_head_nll_scratch_bytes(model->config.vocab, (uint32_t)chunk) > limit)
        chunk /= 2;
    return (uint32_t)vkh_max_size(chunk / VKH_KEY_TILE, 1) * VKH_KEY_TILE;
}

struct vkh_graph_plan vkh_graph_plan(const struct vkh_device *device, const struct vkh_model *model,
                                     uint32_t wanted, bool half_kv)
{
    const struct vkh_config *c = &model->config;
    const uint32_t chunk = fitting_chunk(vkh_device_caps(device), model, wanted);
    const uint64_t width = 2 * (uint64_t)c->hidden + vkh_qkv_width(c) +
                           (uint64_t)c->n_heads * c->head_dim + 3 * (uint64_t)c->ffn;
    return (struct vkh_graph_plan){
        .weights = vkh_weights_plan(model),
        .activations = chunk * width * 4 + vkh_head_nll_scratch_bytes(c->vocab, chunk),
        .chunk = chunk,
        .kv = {.n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim, .half = half_kv},
    };
}

// The matmul for a type, made once.
static enum vkh_status need_matmul(struct vkh_graph *graph, const struct vkh_stack *stack)
{
    for (uint32_t i = 0; i < stack->n; i++) {
        const enum vkh_dtype type = stack->weights[i].type;
        if (graph->kernels.matmul[type].pipeline)
            continue;
        const enum vkh_status status =
            vkh_matmul_create(graph->device, type, NULL, &graph->kernels.matmul[type]);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

static enum vkh_status create_matmuls(struct vkh_graph *graph)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < graph->weights.n_layers && status == VKH_OK; i++) {
        const struct vkh_layer_weights *layer = &graph->weights.layers[i];
        const struct vkh_stack *stacks[] = {&layer->qkv, &layer->o, &layer->gate_up, &layer->down};
        for (uint32_t j = 0; j < VKH_COUNTOF(stacks) && status == VKH_OK; j++)
            status = need_matmul(graph, stacks[j]);
    }
    return status;
}

static enum vkh_status create_kernels(struct vkh_graph *graph)
{
    static const enum vkh_gate gates[] = {
        [VKH_SILU] = VKH_GATE_SILU, [VKH_GELU_TANH] = VKH_GATE_GELU_TANH};
    const struct vkh_config *c = &graph->config;
    struct vkh_graph_kernels *k = &graph->kernels;
    const bool half = graph->plan.kv.half;
    const struct vkh_rope_shape rope = {
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .rotary_dim = c->rotary_dim,
        .interleaved = c->rope_layout == VKH_ROPE_INTERLEAVED,
        .half_kv = half,
    };
    const struct vkh_attention_shape attention = {
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .row_elements = vkh_qkv_width(c),
        .half_kv = half,
        .scale = (float)c->attention_scale,
        .soft_cap = (float)c->attention_soft_cap,
    };
    struct vkh_device *device = graph->device;
    enum vkh_status status = create_matmuls(graph);
    if (status == VKH_OK)
        status = vkh_embed_create(device, graph->weights.embed.weights[0].type, &k->embed);
    if (status == VKH_OK)
        status = vkh_rmsnorm_create(device, NULL, &k->norm);
    if (status == VKH_OK)
        status = vkh_bias_create(device, &k->bias);
    if (status == VKH_OK)
        status = vkh_rope_create(device, &rope, &k->rope);
    if (status == VKH_OK)
        status = vkh_attention_create(device, &attention, NULL, &k->attention);
    if (status == VKH_OK)
        status = vkh_swiglu_create(device, gates[c->activation], &k->swiglu);
    if (status == VKH_OK)
        status =
            vkh_head_nll_create(device, vkh_weights_head(&graph->weights)->type, NULL, &k->head);
    return status;
}

static enum vkh_status create_activations(struct vkh_graph *graph)
{
    const struct vkh_config *c = &graph->config;
    struct vkh_activations *act = &graph->act;
    const struct {
        const char *name;
        uint64_t width;
        struct vkh_buffer **buffer;
    } rows[] = {
        {"residual stream", c->hidden, &act->residual},
        {"normed activations", c->hidden, &act->normed},
        {"queries, keys, values", vkh_qkv_width(c), &act->qkv},
        {"attention output", (uint64_t)c->n_heads * c->head_dim, &act->attended},
        {"gate and up", 2 * (uint64_t)c->ffn, &act->gate_up},
        {"gated activations", c->ffn, &act->gated},
    };
    for (uint32_t i = 0; i < VKH_COUNTOF(rows); i++) {
        const enum vkh_status status =
            vkh_buffer_create(graph->device, rows[i].name, graph->plan.chunk * rows[i].width * 4,
                              VKH_MEMORY_DEVICE, rows[i].buffer);
        if (status != VKH_OK)
            return status;
    }
    return vkh_buffer_create(graph->device, "head scratch",
                             vkh_head_nll_scratch_bytes(c->vocab, graph->plan.chunk),
                             VKH_MEMORY_DEVICE, &act->scratch);
}

// Names the matmul of the widest use: that of the layers' first weight type.
static void describe_variants(struct vkh_graph *graph)
{
    const enum vkh_dtype type = graph->weights.layers[0].qkv.weights[0].type;
    snprintf(graph->variants, sizeof(graph->variants), "rmsnorm=%s,matmul=%s,attention=%s,head=%s",
             graph->kernels.norm.variant->name, graph->kernels.matmul[type].variant->name,
             graph->kernels.attention.variant->name, graph->kernels.head.variant->name);
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
    graph->config = model->config;
    graph->plan = *plan;
    enum vkh_status status = create_activations(graph);
    if (status == VKH_OK)
        status = vkh_weights_create(device, stream, model, &graph->weights);
    if (status == VKH_OK)
        status = create_kernels(graph);
    if (status != VKH_OK) {
        vkh_graph_destroy(&graph);
        return status;
    }
    describe_variants(graph);
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
        vkh_weights_destroy(&graph->weights);
    struct vkh_buffer **buffers[] = {&graph->act.residual, &graph->act.normed,  &graph->act.qkv,
                                     &graph->act.attended, &graph->act.gate_up, &graph->act.gated,
                                     &graph->act.scratch};
    for (uint32_t i = 0; i < VKH_COUNTOF(buffers); i++)
        vkh_buffer_destroy(buffers[i]);
    free(graph);
    *pointer = NULL;
}

const struct vkh_graph_plan *vkh_graph_get_plan(const struct vkh_graph *graph)
{
    return &graph->plan;
}

const char *vkh_graph_variants(const struct vkh_graph *graph)
{
    return graph->variants;
}

const struct vkh_buffer *vkh_graph_hidden(const struct vkh_graph *graph)
{
    return graph->act.normed;
}

const struct vkh_weight *vkh_graph_head(const struct vkh_graph *graph)
{
    return vkh_weights_head(&graph->weights);
}

void vkh_graph_record(struct vkh_graph *graph, struct vkh_stream *stream,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    const uint64_t bytes = (uint64_t)n * graph->config.hidden * 4;
    const uint64_t words_at = (uint64_t)from * 4, words = (uint64_t)n * 4;
    vkh_embed_record(&graph->kernels.embed, cmd,
                     &(struct vkh_embed_args){
                         .ids = vkh_range(pass->ids, words_at, words),
                         .table = &graph->weights.embed.weights[0],
                         .out = vkh_range(graph->act.residual, 0, bytes),
                         .n_tokens = n,
                         .scale = (float)graph->config.embedding_scale,
                     });
    for (uint32_t i = 0; i < graph->config.n_layers; i++)
        vkh_layer_record(graph, cmd, i, prefix, pass, from, n);
    vkh_graph_normalise(graph, cmd, graph->weights.output_norm, n);
    vkh_head_nll_record(&graph->kernels.head, cmd,
                        &(struct vkh_head_nll_args){
                            .x = vkh_range(graph->act.normed, 0, bytes),
                            .weight = vkh_weights_head(&graph->weights),
                            .targets = vkh_range(pass->targets, words_at, words),
                            .scratch = vkh_range_all(graph->act.scratch),
                            .nll = vkh_range(pass->nll, words_at, words),
                            .n_tokens = n,
                            .soft_cap = (float)graph->config.final_soft_cap,
                        });
}
