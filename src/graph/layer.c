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

static void record_attention(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t layer,
                             const struct vkh_pass *prefix, const struct vkh_pass *pass,
                             uint32_t from, uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_activations *act = &graph->act;
    const struct vkh_range qkv = vkh_range(act->qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4);
    const struct vkh_kv_segment own = vkh_pass_segment(pass, layer);
    vkh_rope_record(
        &graph->kernels.rope, cmd,
        &(struct vkh_rope_args){
            .qkv = qkv,
            .positions = vkh_range(pass->positions, (uint64_t)from * 8, (uint64_t)n * 8),
            .frequencies = vkh_range_all(pass->frequencies),
            .kv = own,
            .first_slot = from,
            .n_tokens = n,
            .attention_scale = pass->attention_scale,
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
    project(graph, cmd, &layer->qkv, act->normed, act->qkv, n, false);
    record_attention(graph, cmd, index, prefix, pass, from, n);
    project(graph, cmd, &layer->o, act->attended, act->residual, n, true);

    vkh_graph_normalise(graph, cmd, layer->ffn_norm, n);
    project(graph, cmd, &layer->gate_up, act->normed, act->gate_up, n, false);
    vkh_swiglu_record(&graph->kernels.swiglu, cmd,
                      &(struct vkh_swiglu_args){
                          .gate_up = vkh_range(act->gate_up, 0, (uint64_t)n * 2 * ffn * 4),
                          .out = vkh_range(act->gated, 0, (uint64_t)n * ffn * 4),
                          .n_tokens = n,
                          .width = ffn,
                      });
    project(graph, cmd, &layer->down, act->gated, act->residual, n, true);
}
