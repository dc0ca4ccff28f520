// SPDX-License-Identifier: MIT
// The kernels that take a forward pass's time, each once, on operands without meaning: what
// graph/tune.h times. A product of TOKENS x ROWS x COLS, attention of TOKENS, a head of ROWS words.
#ifndef VKH_GRAPH_TRIAL_H
#define VKH_GRAPH_TRIAL_H

#include "kernels/attention.h"
#include "kernels/attention_matrix.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"

struct vkh_stream;

enum {
    VKH_TRIAL_TOKENS = 2048,
    VKH_TRIAL_ROWS = 4096,
    VKH_TRIAL_COLS = 1024,
    VKH_TRIAL_HEADS = 16, // 4 for keys and values
    VKH_TRIAL_HEAD_DIM = 128,
};

struct vkh_trial {
    struct vkh_device *device;
    struct vkh_stream *stream;
    struct vkh_matrix_layout layout; // side 0: rows alone
    enum vkh_dtype type;
    struct vkh_weight weight;
    struct vkh_matrix_weight matrix_weight; // where the layout has a side
    struct vkh_buffer *x, *kv, *targets, *scratch, *out;
    struct vkh_buffer *panels; // of weights in blocks, for matrices
};

// On failure there is nothing to release.
enum vkh_status vkh_trial_init(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                               enum vkh_dtype type, struct vkh_trial *trial);
void vkh_trial_fini(struct vkh_trial *trial);

struct vkh_attention_shape vkh_trial_attention_shape(bool half_kv);

// Each records the first n tokens' work; n is VKH_TRIAL_TOKENS at the most.
void vkh_trial_matmul(const struct vkh_trial *trial, const struct vkh_matmul *matmul, uint32_t n);
void vkh_trial_matmul_matrix(const struct vkh_trial *trial, const struct vkh_matmul_matrix *matmul,
                             uint32_t n);
void vkh_trial_attention(const struct vkh_trial *trial, const struct vkh_attention *attention,
                         uint32_t n);
void vkh_trial_attention_matrix(const struct vkh_trial *trial,
                                const struct vkh_attention_matrix *attention, uint32_t n);
void vkh_trial_head(const struct vkh_trial *trial, const struct vkh_head_nll *head, uint32_t n);

#endif
