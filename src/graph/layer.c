// SPDX-License-Identifier: MIT
#include "graph/layer.h"

#include "graph/tier.h"

struct vkh_rope_shape vkh_graph_rope_shape(const struct vkh_graph *graph)
{
    const struct vkh_config *c = &graph->config;
    return (struct vkh_rope_shape){
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .rotary_dim = c->rotary_dim,
        .interleaved = c->rope_layout == VKH_ROPE_INTERLEAVED,
        .half_kv = graph->plan.kv.half,
    };
}

struct vkh_attention_shape vkh_graph_attention_shape(const struct vkh_graph *graph)
{
    const struct vkh_config *c = &graph->config;
    return (struct vkh_attention_shape){
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .row_elements = vkh_qkv_width(c),
        .half_kv = graph->plan.kv.half,
        .scale = (float)c->attention_scale,
        .soft_cap = (float)c->attention_soft_cap,
    };
}

struct vkh_rmsnorm_args vkh_graph_norm_args(const struct vkh_graph *graph, struct vkh_range x,
                                            const struct vkh_buffer *weight,
                                            const struct vkh_buffer *out, uint32_t n)
{
    return (struct vkh_rmsnorm_args){
        .x = x,
        .weight = vkh_range_all(weight),
        .out = vkh_range(out, 0, x.size),
        .n_tokens = n,
        .width = graph->config.hidden,
        .eps = (float)graph->config.norm_eps,
    };
}

// residual += norm(x @ stack^T), or without a norm x @ stack^T.
static void add_projection(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                           const struct vkh_stack *stack, const struct vkh_buffer *x,
                           const struct vkh_buffer *norm, uint32_t n)
{
    const struct vkh_activations *act = &graph->act;
    graph->tier->project(graph, cmd, stack, x, norm ? act->projected : act->residual, n, !norm);
    if (!norm)
        return;
    const struct vkh_range projected = vkh_graph_rows(graph, act->projected, 0, n);
    struct vkh_rmsnorm_args args = vkh_graph_norm_args(graph, projected, norm, act->residual, n);
    args.accumulate = true;
    vkh_rmsnorm_record(&graph->norm, cmd, &args);
}

// Norms each of n_heads heads of qkv from element `first` on, in place.
static void normalise_heads(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                            const struct vkh_buffer *weight, uint32_t first, uint32_t n_heads,
                            uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_range qkv = vkh_range(graph->act.qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4);
    vkh_rmsnorm_record(&graph->norm, cmd,
                       &(struct vkh_rmsnorm_args){
                           .x = qkv,
                           .weight = vkh_range_all(weight),
                           .out = qkv,
                           .n_tokens = n,
                           .width = c->head_dim,
                           .eps = (float)c->norm_eps,
                           .n_heads = n_heads,
                           .row_elements = vkh_qkv_width(c),
                           .first = first,
                       });
}

static void record_qkv(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                       const struct vkh_layer_weights *layer, uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_activations *act = &graph->act;
    graph->tier->project(graph, cmd, &layer->qkv, act->normed, act->qkv, n, false);
    if (layer->qkv_bias)
        vkh_bias_record(&graph->bias, cmd,
                        &(struct vkh_bias_args){
                            .x = vkh_range(act->qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4),
                            .bias = vkh_range_all(layer->qkv_bias),
                            .n_tokens = n,
                            .width = vkh_qkv_width(c),
                        });
    if (layer->q_norm)
        normalise_heads(graph, cmd, layer->q_norm, 0, c->n_heads, n);
    if (layer->k_norm)
        normalise_heads(graph, cmd, layer->k_norm, c->n_heads * c->head_dim, c->n_kv_heads, n);
}

static void record_attention(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t layer,
                             const struct vkh_pass *prefix, const struct vkh_pass *pass,
                             uint32_t from, uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_activations *act = &graph->act;
    const struct vkh_range qkv = vkh_range(act->qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4);
    const struct vkh_kv_segment own = vkh_pass_segment(pass, layer);
    const bool windowed = vkh_config_is_windowed(c, layer);
    const bool local = windowed && pass->local_frequencies;
    const struct vkh_rope_args rope = {
        .qkv = qkv,
        .positions = vkh_range(pass->positions, (uint64_t)from * 8, (uint64_t)n * 8),
        .frequencies = vkh_range_all(local ? pass->local_frequencies : pass->frequencies),
        .kv = own,
        .first_slot = from,
        .n_tokens = n,
        .attention_scale = local ? 1.0f : pass->attention_scale,
    };
    const struct vkh_attention_args attention = {
        .prefix = prefix ? vkh_pass_segment(prefix, layer) : (struct vkh_kv_segment){0},
        .own = own,
        .prefix_tokens = pass->first_token,
        .first_token = pass->first_token + from,
        .n_tokens = n,
        .window = windowed ? c->window : 0,
    };
    graph->tier->attend(graph, cmd, &rope, &attention);
}

void vkh_layer_record(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t index,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n)
{
    const struct vkh_layer_weights *layer = &graph->window.weights.layers[index];
    const struct vkh_activations *act = &graph->act;
    const struct vkh_range residual = vkh_graph_residual(graph, 0, n);
    graph->tier->normalise(graph, cmd, residual, layer->attn_norm, n);
    record_qkv(graph, cmd, layer, n);
    record_attention(graph, cmd, index, prefix, pass, from, n);
    add_projection(graph, cmd, &layer->o, act->attended, layer->post_attn_norm, n);

    graph->tier->normalise(graph, cmd, residual, layer->ffn_norm, n);
    graph->tier->gate(graph, cmd, &layer->gate_up, n);
    add_projection(graph, cmd, &layer->down, act->gated, layer->post_ffn_norm, n);
}
