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

// The pass's tokens [first, end), by their place in the text; none where it ends before them.
static struct vkh_kv_pack_args pack_args(const struct vkh_pass *pass, uint32_t layer,
                                         uint64_t first, uint64_t end)
{
    return (struct vkh_kv_pack_args){
        .packed = vkh_pass_segment(pass, layer),
        .unpacked = vkh_pass_unpacked(pass, layer),
        .first_slot = (uint32_t)(vkh_max_size(first, pass->first_token) - pass->first_token),
        .n_tokens = (uint32_t)(end - vkh_min_size(vkh_max_size(first, pass->first_token), end)),
    };
}

// Packs what rope left of the chunk, and unpacks what attention sees, the chunk's own included: of
// a token it then sees the same from its own chunk as from any later one.
static void repack(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t layer,
                   const struct vkh_pass *prefix, const struct vkh_pass *pass,
                   const struct vkh_attention_args *args)
{
    const uint64_t from = args->first_token, end = from + args->n_tokens;
    const uint64_t before = args->window ? vkh_min_size(from, args->window - 1) : from;
    const uint64_t seen = (from - before) / VKH_KEY_TILE * VKH_KEY_TILE;
    const struct vkh_kv_pack_args chunk = pack_args(pass, layer, from, end);
    const struct vkh_kv_pack_args own = pack_args(pass, layer, seen, end);
    vkh_kv_pack_record(&graph->kv_pack, cmd, &chunk);
    if (prefix) {
        const struct vkh_kv_pack_args shared = pack_args(prefix, layer, seen, pass->first_token);
        vkh_kv_unpack_record(&graph->kv_pack, cmd, &shared);
    }
    vkh_kv_unpack_record(&graph->kv_pack, cmd, &own);
}

static void record_attention(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t layer,
                             const struct vkh_pass *prefix, const struct vkh_pass *pass,
                             uint32_t from, uint32_t n)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_activations *act = &graph->act;
    const struct vkh_range qkv = vkh_range(act->qkv, 0, (uint64_t)n * vkh_qkv_width(c) * 4);
    const struct vkh_kv_segment own = vkh_pass_unpacked(pass, layer);
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
        .prefix = prefix ? vkh_pass_unpacked(prefix, layer) : (struct vkh_kv_segment){0},
        .own = own,
        .prefix_tokens = pass->first_token,
        .first_token = pass->first_token + from,
        .n_tokens = n,
        .window = windowed ? c->window : 0,
    };
    graph->tier->rotate(graph, cmd, &rope);
    if (graph->plan.kv.packed)
        repack(graph, cmd, layer, prefix, pass, &attention);
    graph->tier->attend(graph, cmd, &attention);
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
