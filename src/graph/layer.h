// SPDX-License-Identifier: MIT
// What the parts of the forward pass share, and the walk through one layer.
#ifndef VKH_GRAPH_LAYER_H
#define VKH_GRAPH_LAYER_H

#include "graph/graph.h"
#include "graph/window.h"
#include "kernels/attention.h"
#include "kernels/attention_matrix.h"
#include "kernels/bias.h"
#include "kernels/embed.h"
#include "kernels/head_nll.h"
#include "kernels/kv_pack.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"
#include "kernels/nll_reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rmsnorm_matrix.h"
#include "kernels/rope.h"
#include "kernels/rope_matrix.h"
#include "kernels/swiglu.h"
#include "model/config.h"

struct vkh_cmd;

// Kernels of one tier; those of the other stay empty.
struct vkh_rows_kernels {
    struct vkh_matmul matmul[VKH_N_DTYPES]; // by weight type; made for the types in use
    struct vkh_rope rope;
    struct vkh_attention attention;
    struct vkh_swiglu swiglu;
    struct vkh_head_nll head;
};

struct vkh_matrix_kernels {
    // By whether operands are bf16, whether columns end odd, epilogue and weight type; made for
    // those in use.
    struct vkh_matmul_matrix matmul[2][2][VKH_N_EPILOGUES][VKH_N_DTYPES];
    struct vkh_rmsnorm_matrix norm;
    struct vkh_rope_matrix rope;
    struct vkh_attention_matrix attention;
    struct vkh_nll_reduce reduce;
};

// Of one chunk: rows of fp32, or where the tier is that of cooperative matrices, (L) left operands
// of halves (kernels/panel.h).
struct vkh_activations {
    struct vkh_buffer *residual;  // [hidden], rows in both tiers
    struct vkh_buffer *normed;    // [hidden] (L)
    struct vkh_buffer *qkv;       // [n_heads + 2 n_kv_heads][head_dim], rows in both tiers
    struct vkh_buffer *queries;   // of cooperative matrices, kernels/rope_matrix.h
    struct vkh_buffer *attended;  // [n_heads][head_dim] (L)
    struct vkh_buffer *gate_up;   // [2][ffn], of rows
    struct vkh_buffer *gated;     // [ffn] (L)
    struct vkh_buffer *projected; // [hidden], rows in both tiers; with norms after projections
    struct vkh_buffer *scratch;   // of the head
    struct vkh_buffer *panels;    // of weights in blocks, while cooperative matrices multiply
};

struct vkh_tier;

struct vkh_graph {
    struct vkh_device *device;
    struct vkh_config config;
    struct vkh_graph_plan plan;
    const struct vkh_model *model;
    struct vkh_window window;
    bool borrowed; // the weights are another graph's
    const struct vkh_tier *tier;
    struct vkh_embed embed;
    struct vkh_rmsnorm norm; // of rows
    struct vkh_bias bias;
    struct vkh_kv_pack kv_pack; // empty unless keys and values are packed
    struct vkh_rows_kernels rows;
    struct vkh_matrix_kernels matrix;
    struct vkh_activations act;
    char variants[160], numerics[512];
};

// Elements of a token's queries, keys and values.
static inline uint32_t vkh_qkv_width(const struct vkh_config *c)
{
    return (c->n_heads + 2 * c->n_kv_heads) * c->head_dim;
}

// Rows [from, from + n) of the hidden size.
static inline struct vkh_range vkh_graph_rows(const struct vkh_graph *graph,
                                              const struct vkh_buffer *buffer, uint64_t from,
                                              uint64_t n)
{
    const uint64_t row = (uint64_t)graph->config.hidden * 4;
    return vkh_range(buffer, from * row, n * row);
}

struct vkh_rope_shape vkh_graph_rope_shape(const struct vkh_graph *graph);
struct vkh_attention_shape vkh_graph_attention_shape(const struct vkh_graph *graph);

// Rows of the hidden size.
struct vkh_rmsnorm_args vkh_graph_norm_args(const struct vkh_graph *graph, struct vkh_range x,
                                            const struct vkh_buffer *weight,
                                            const struct vkh_buffer *out, uint32_t n);

// As vkh_graph_record, for one layer: residual in, residual out.
void vkh_layer_record(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t index,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n);

#endif
