// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "graph/tier.h"
#include "model/model.h"

#define BUFFER(member) offsetof(struct vkh_activations, member)

static void sizes(const struct vkh_config *c, const struct vkh_graph_plan *plan,
                  struct vkh_activation_size list[VKH_N_ACTIVATIONS])
{
    const uint64_t row = (uint64_t)plan->chunk * 4, heads = (uint64_t)c->n_heads * c->head_dim;
    const struct vkh_activation_size all[VKH_N_ACTIVATIONS] = {
        {"residual stream", vkh_graph_layered(plan) ? 0 : row * c->hidden, BUFFER(residual)},
        {"normed activations", row * c->hidden, BUFFER(normed)},
        {"queries, keys, values", row * vkh_qkv_width(c), BUFFER(qkv)},
        {"attention output", row * heads, BUFFER(attended)},
        {"gate and up", row * 2 * c->ffn, BUFFER(gate_up)},
        {"gated activations", row * c->ffn, BUFFER(gated)},
        {"projection", plan->post_norms ? row * c->hidden : 0, BUFFER(projected)},
        {"head scratch", vkh_head_nll_scratch_bytes(c->vocab, plan->chunk), BUFFER(scratch)},
    };
    for (int i = 0; i < VKH_N_ACTIVATIONS; i++)
        list[i] = all[i];
}

// The matmul for a type, made once.
static enum vkh_status need_matmul(struct vkh_graph *graph, enum vkh_dtype type)
{
    struct vkh_matmul *matmul = &graph->rows.matmul[type];
    return matmul->pipeline ? VKH_OK : vkh_matmul_create(graph->device, type, NULL, matmul);
}

static enum vkh_status create_matmuls(struct vkh_graph *graph)
{
    enum vkh_status status = VKH_OK;
    if (graph->plan.compared)
        status = need_matmul(graph, graph->model->output->type);
    for (uint32_t i = 0; i < graph->config.n_layers && status == VKH_OK; i++) {
        const struct vkh_layer *l = &graph->model->layers[i];
        const struct vkh_tensor *const tensors[] = {l->q,    l->k,  l->v,   l->o,
                                                    l->gate, l->up, l->down};
        for (uint32_t j = 0; j < VKH_COUNTOF(tensors) && status == VKH_OK; j++)
            status = need_matmul(graph, tensors[j]->type);
    }
    return status;
}

static enum vkh_status create(struct vkh_graph *graph)
{
    static const enum vkh_gate gates[] = {
        [VKH_SILU] = VKH_GATE_SILU, [VKH_GELU_TANH] = VKH_GATE_GELU_TANH};
    const struct vkh_rope_shape rope = vkh_graph_rope_shape(graph);
    const struct vkh_attention_shape attention = vkh_graph_attention_shape(graph);
    struct vkh_device *device = graph->device;
    struct vkh_rows_kernels *k = &graph->rows;
    enum vkh_status status = create_matmuls(graph);
    if (status == VKH_OK)
        status = vkh_rope_create(device, &rope, &k->rope);
    if (status == VKH_OK)
        status = vkh_attention_create(device, &attention, NULL, &k->attention);
    if (status == VKH_OK)
        status = vkh_swiglu_create(device, gates[graph->config.activation], &k->swiglu);
    if (status == VKH_OK)
        status = vkh_head_nll_create(device, graph->model->output->type, NULL, &k->head);
    return status;
}

static void normalise(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range x,
                      const struct vkh_buffer *weight, uint32_t n)
{
    const struct vkh_rmsnorm_args args =
        vkh_graph_norm_args(graph, x, weight, graph->act.normed, n);
    vkh_rmsnorm_record(&graph->norm, cmd, &args);
}

static void project(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                    const struct vkh_stack *stack, const struct vkh_buffer *x,
                    const struct vkh_buffer *out, uint32_t n, bool accumulate)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct vkh_weight *weight = &stack->weights[i];
        vkh_matmul_record(&graph->rows.matmul[weight->type], cmd,
                          &(struct vkh_matmul_args){
                              .x = vkh_range(x, 0, n * weight->cols * 4),
                              .weight = weight,
                              .out = vkh_range(out, 0, (uint64_t)n * vkh_stack_stride(stack) * 4),
                              .out_stride = vkh_stack_stride(stack),
                              .out_first = first,
                              .n_tokens = n,
                              .accumulate = accumulate,
                          });
        first += (uint32_t)weight->rows;
    }
}

static void gate(const struct vkh_graph *graph, struct vkh_cmd *cmd, const struct vkh_stack *stack,
                 uint32_t n)
{
    const struct vkh_activations *act = &graph->act;
    const uint32_t ffn = graph->config.ffn;
    project(graph, cmd, stack, act->normed, act->gate_up, n, false);
    vkh_swiglu_record(&graph->rows.swiglu, cmd,
                      &(struct vkh_swiglu_args){
                          .gate_up = vkh_range(act->gate_up, 0, (uint64_t)n * 2 * ffn * 4),
                          .out = vkh_range(act->gated, 0, (uint64_t)n * ffn * 4),
                          .n_tokens = n,
                          .width = ffn,
                      });
}

static void rotate(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_rope_args *rope)
{
    vkh_rope_kv_record(&graph->rows.rope, cmd, rope);
}

static void attend(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_attention_args *args)
{
    const struct vkh_config *c = &graph->config;
    const uint64_t n = args->n_tokens;
    struct vkh_attention_args own = *args;
    own.q = vkh_range(graph->act.qkv, 0, n * vkh_qkv_width(c) * 4);
    own.out = vkh_range(graph->act.attended, 0, n * c->n_heads * c->head_dim * 4);
    vkh_attention_record(&graph->rows.attention, cmd, &own);
}

static void score(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range targets,
                  struct vkh_range nll, uint32_t n)
{
    vkh_head_nll_record(
        &graph->rows.head, cmd,
        &(struct vkh_head_nll_args){
            .x = vkh_range(graph->act.normed, 0, (uint64_t)n * graph->config.hidden * 4),
            .weight = vkh_weights_head(&graph->window.weights),
            .targets = targets,
            .scratch = vkh_range_all(graph->act.scratch),
            .nll = nll,
            .n_tokens = n,
            .soft_cap = (float)graph->config.final_soft_cap,
        });
}

// Names the matmul of the widest use: that of the layers' first weight type.
static void describe(const struct vkh_graph *graph, char *text, size_t size)
{
    const enum vkh_dtype type = graph->model->layers[0].q->type;
    snprintf(text, size, "rmsnorm=%s,matmul=%s,attention=%s,head=%s", graph->norm.variant->name,
             graph->rows.matmul[type].variant->name, graph->rows.attention.variant->name,
             graph->rows.head.variant->name);
}

static void identify(const struct vkh_graph *graph, char *text, size_t size)
{
    const struct vkh_rows_kernels *k = &graph->rows;
    size_t at =
        (size_t)snprintf(text, size, "rmsnorm=%s,attention=%s,head=%s", graph->norm.variant->name,
                         k->attention.variant->name, k->head.variant->name);
    for (int i = 0; i < VKH_N_DTYPES && at < size; i++)
        if (k->matmul[i].variant)
            at += (size_t)snprintf(text + at, size - at, ",matmul:%s=%s",
                                   vkh_dtype_info((enum vkh_dtype)i)->name,
                                   k->matmul[i].variant->name);
}

const struct vkh_tier vkh_tier_rows = {
    .name = "rows",
    .sizes = sizes,
    .create = create,
    .normalise = normalise,
    .project = project,
    .gate = gate,
    .rotate = rotate,
    .attend = attend,
    .score = score,
    .describe = describe,
    .identify = identify,
};
