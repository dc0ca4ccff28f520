// SPDX-License-Identifier: MIT
#include "graph/layer.h"

// out = x @ stack^T, or added to it.
static void project(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                    const struct vkh_stack *stack, struct vkh_buffer *x, struct vkh_buffer *out,
                    uint32_t n, bool accumulate)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct vkh_weight *weight = &stack->weights[i];
        vkh_matmul_record(&graph->kernels.matmul[weight->type], cmd,
                          &(struct vkh_matmul_args){
                              .x = vkh_range(x, 0, n * weight->cols * 4),
                              .weight = weight,
                              .out = vkh_range(out, 0, n * stack->rows * 4),
                              .out_stride = (uint32_t)stack->rows,
                              .out_first = first,
                              .n_tokens = n,
                              .accumulate = accumulate,
                          });
        first += (uint32_t)weight->rows;
    }
}

void vkh_graph_normalise(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                         const struct vkh_buffer *weight, uint32_t n)
{
    const uint64_t bytes = (uint64_t)n * graph->config.hidden * 4;
    vkh_rmsnorm_record(&graph->kernels.norm, cmd,
                       &(struct vkh_rmsnorm_args){
                           .x = vkh_range(graph->act.residual, 0, bytes),
                           .weight = vkh_range_all(weight),
                           .out = vkh_range(graph->act.normed, 0, bytes),
                           .n_tokens = n,
                           .width = graph->config.hidden,
                           .eps = (float)graph->config.norm_eps,
                       });
}

// residual += norm(x @ stack^T), or without a norm x @ stack^T. What was normed before is not
// needed any more, and its place is used.
static void add_projection(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                           const struct vkh_stack *stack, struct vkh_buffer *x,
                           const struct vkh_buffer *norm, uint32_t n)
{
    const struct vkh_activations *act = &graph->act;
    project(graph, cmd, stack, x, norm ? act->normed : act->residual, n, !norm);
    if (!norm)
        return;
    const uint64_t bytes = (uint64_t)n * graph->config.hidden * 4;
    vkh_rmsnorm_record(&graph->kernels.norm, cmd,
                       &(struct vkh_rmsnorm_args){
                           .x = vkh_range(act->normed, 0, bytes),
                           .weight = vkh_range_all(norm),
                           .out = vkh_range(act->residual, 0, bytes),
                           .n_tokens = n,
                           .width = graph->config.hidden,
                           .eps = (float)graph->config.norm_eps,
                           .accumulate = true,
                       });
}

// Norms each of n_heads heads of qkv from element `first` on, in place.
static void normalise_heads(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                            const struct vkh_buffer *weight, uint32_t first, uint32_t n_heads,
                            uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_range qkv = vkh_range(graph->act.qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4);
    vkh_rmsnorm_record(&graph->kernels.norm, cmd,
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
    project(graph, cmd, &layer->qkv, act->normed, act->qkv, n, false);
    if (layer->qkv_bias)
        vkh_bias_record(&graph->kernels.bias, cmd,
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
    vkh_rope_record(
        &graph->kernels.rope, cmd,
        &(struct vkh_rope_args){
            .qkv = qkv,
            .positions = vkh_range(pass->positions, (uint64_t)from * 8, (uint64_t)n * 8),
            .frequencies = vkh_range_all(local ? pass->local_frequencies : pass->frequencies),
            .kv = own,
            .first_slot = from,
            .n_tokens = n,
            .attention_scale = local ? 1.0f : pass->attention_scale,
        });
    vkh_attention_record(
        &graph->kernels.attention, cmd,
        &(struct vkh_attention_args){
            .q = qkv,
            .prefix = prefix ? vkh_pass_segment(prefix, layer) : (struct vkh_kv_segment){0},
            .own = own,
            .prefix_tokens = pass->first_token,
            .first_token = pass->first_token + from,
            .n_tokens = n,
            .out = vkh_range(act->attended, 0, (uint64_t)n * c->n_heads * c->head_dim * 4),
            .window = windowed ? c->window : 0,
        });
}

void vkh_layer_record(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t index,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n)
{
    const struct vkh_layer_weights *layer = &graph->weights.layers[index];
    const struct vkh_activations *act = &graph->act;
    const uint32_t ffn = graph->config.ffn;
    vkh_graph_normalise(graph, cmd, layer->attn_norm, n);
    record_qkv(graph, cmd, layer, n);
    record_attention(graph, cmd, index, prefix, pass, from, n);
    add_projection(graph, cmd, &layer->o, act->attended, layer->post_attn_norm, n);

    vkh_graph_normalise(graph, cmd, layer->ffn_norm, n);
    project(graph, cmd, &layer->gate_up, act->normed, act->gate_up, n, false);
    vkh_swiglu_record(&graph->kernels.swiglu, cmd,
                      &(struct vkh_swiglu_args){
                          .gate_up = vkh_range(act->gate_up, 0, (uint64_t)n * 2 * ffn * 4),
                          .out = vkh_range(act->gated, 0, (uint64_t)n * ffn * 4),
                          .n_tokens = n,
                          .width = ffn,
                      });
    add_projection(graph, cmd, &layer->down, act->gated, layer->post_ffn_norm, n);
}
