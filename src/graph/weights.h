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
struct vkh_model;
struct vkh_stream;
struct vkh_tensor;

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
    struct vkh_stack embed;
    struct vkh_stack head; // empty where it is the embedding's rows
    struct vkh_buffer *output_norm;
    uint32_t n_layers;
    struct vkh_layer_weights *layers;
};

// Bytes on the device. layout->side 0: rows; else right operands of cooperative matrices.
uint64_t vkh_weights_plan(const struct vkh_model *model, const struct vkh_matrix_layout *layout);

// Bytes of room in which each matrix can be unpacked, part after part; 0: none is in blocks.
uint64_t vkh_weights_unpacked(const struct vkh_device *device, const struct vkh_model *model,
                              const struct vkh_matrix_layout *layout);

// The stream is finished when it returns.
enum vkh_status vkh_weights_create(struct vkh_device *device, struct vkh_stream *stream,
                                   const struct vkh_model *model,
                                   const struct vkh_matrix_layout *layout,
                                   struct vkh_weights *weights);
void vkh_weights_destroy(struct vkh_weights *weights);

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
