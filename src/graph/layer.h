// SPDX-License-Identifier: MIT
// What the parts of the forward pass share, and the walk through one layer.
#ifndef VKH_GRAPH_LAYER_H
#define VKH_GRAPH_LAYER_H

#include "graph/graph.h"
#include "graph/weights.h"
#include "kernels/attention.h"
#include "kernels/bias.h"
#include "kernels/embed.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "model/config.h"

struct vkh_cmd;

struct vkh_graph_kernels {
    struct vkh_embed embed;
    struct vkh_rmsnorm norm;
    struct vkh_matmul matmul[VKH_N_DTYPES]; // by weight type; made for the types in use
    struct vkh_bias bias;
    struct vkh_rope rope;
    struct vkh_attention attention;
    struct vkh_swiglu swiglu;
    struct vkh_head_nll head;
};

// fp32, one row a token of the chunk.
struct vkh_activations {
    struct vkh_buffer *residual; // [hidden]
    struct vkh_buffer *normed;   // [hidden]
    struct vkh_buffer *qkv;      // [n_heads + 2 n_kv_heads][head_dim]
    struct vkh_buffer *attended; // [n_heads][head_dim]
    struct vkh_buffer *gate_up;  // [2][ffn]
    struct vkh_buffer *gated;    // [ffn]
    struct vkh_buffer *scratch;  // of the head
};

struct vkh_graph {
    struct vkh_device *device;
    struct vkh_config config;
    struct vkh_graph_plan plan;
    struct vkh_weights weights;
    bool borrowed; // the weights are another graph's
    struct vkh_graph_kernels kernels;
    struct vkh_activations act;
    char variants[160];
};

// Elements of a token's queries, keys and values.
static inline uint32_t vkh_qkv_width(const struct vkh_config *c)
{
    return (c->n_heads + 2 * c->n_kv_heads) * c->head_dim;
}

// normed = norm(residual) of n tokens.
void vkh_graph_normalise(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                         const struct vkh_buffer *weight, uint32_t n);

// As vkh_graph_record, for one layer: residual in, residual out.
void vkh_layer_record(const struct vkh_graph *graph, struct vkh_cmd *cmd, uint32_t index,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n);

#endif
