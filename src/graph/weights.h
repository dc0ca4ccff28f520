// SPDX-License-Identifier: MIT
// A model's weights on the device.
#ifndef VKH_GRAPH_WEIGHTS_H
#define VKH_GRAPH_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/size.h"
#include "kernels/matrix_unpack.h"
#include "kernels/weight.h"

struct vkh_device;
struct vkh_log;
struct vkh_model;
struct vkh_upload;

enum { VKH_MAX_STACK = 3 };

// Matrices that read the same input, their outputs side by side: q, k and v, or gate and up.
// Neighbours of one type are one matrix.
struct vkh_stack {
    struct vkh_weight weights[VKH_MAX_STACK];
    struct vkh_matrix_weight matrices[VKH_MAX_STACK]; // instead, for cooperative matrices
    uint32_t n;
    uint64_t rows;
};

struct vkh_layer_weights {
    struct vkh_buffer *attn_norm, *ffn_norm;
    // NULL where the model has none; the bias is that of the whole stack.
    struct vkh_buffer *qkv_bias, *q_norm, *k_norm, *post_attn_norm, *post_ffn_norm;
    struct vkh_stack qkv, o, gate_up, down;
};

struct vkh_weights {
    const struct vkh_model *model;
    struct vkh_matrix_layout layout; // side 0: rows; else right operands of cooperative matrices
    bool streamed;                   // not all of them are there at a time
    struct vkh_stack embed;
    struct vkh_stack head; // empty where it is the embedding's rows
    struct vkh_buffer *output_norm;
    uint32_t n_layers;
    struct vkh_layer_weights *layers;
};

// Bytes on the device: of all, or where they are streamed of the most that are there at a time
// (graph/window.h).
uint64_t vkh_weights_plan(const struct vkh_model *model, const struct vkh_matrix_layout *layout,
                          bool streamed);

// What suits a half of their upload: streamed, a layer in both.
uint64_t vkh_weights_staging(const struct vkh_model *model, const struct vkh_matrix_layout *layout,
                             bool streamed);

// Bytes of room in which each matrix can be unpacked, part after part; 0: none is.
uint64_t vkh_weights_unpacked(const struct vkh_device *device, const struct vkh_model *model,
                              const struct vkh_matrix_layout *layout);

// Nothing on the device yet. The model must outlive the weights.
enum vkh_status vkh_weights_init(const struct vkh_model *model,
                                 const struct vkh_matrix_layout *layout, bool streamed,
                                 const struct vkh_log *log, struct vkh_weights *weights);
// Nothing recorded may still read them.
void vkh_weights_fini(struct vkh_weights *weights);

// Their parts in the order of a token's path: the embedding, the layers, the final norm with the
// head.
static inline uint32_t vkh_weights_parts(const struct vkh_weights *weights)
{
    return weights->n_layers + 2;
}

// What is recorded on the upload's stream after it sees the part. What a failure leaves of it is
// dropped with the rest.
enum vkh_status vkh_weights_load(struct vkh_weights *weights, struct vkh_device *device,
                                 struct vkh_upload *upload, uint32_t part);
// Nothing recorded may still read it.
void vkh_weights_drop(struct vkh_weights *weights, uint32_t part);

// The language model's head.
static inline const struct vkh_stack *vkh_weights_head_stack(const struct vkh_weights *weights)
{
    return weights->head.n ? &weights->head : &weights->embed;
}

// Its matrix, of rows.
static inline const struct vkh_weight *vkh_weights_head(const struct vkh_weights *weights)
{
    return &vkh_weights_head_stack(weights)->weights[0];
}

// Elements from one token's outputs to the next one's: whole vectors. Only a vocabulary may be no
// multiple of 4 (vkh_weight_create, vkh_attention_create).
static inline uint32_t vkh_stack_stride(const struct vkh_stack *stack)
{
    return (uint32_t)vkh_round_up(stack->rows, 4);
}

#endif
