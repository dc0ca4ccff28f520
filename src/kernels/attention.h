// SPDX-License-Identifier: MIT
// Causal attention of a chunk of queries over the keys before them, without a length x length
// matrix: out[t][h] = sum_j softmax_j(cap(scale * q[t][h]·k[j][h / group])) v[j][h / group] over
// the keys j that token t sees: its own and those of the window - 1 tokens before it. cap(x) is
// soft_cap * tanh(x / soft_cap).
#ifndef VKH_KERNELS_ATTENTION_H
#define VKH_KERNELS_ATTENTION_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/kv.h"
#include "kernels/variant.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_attention_shape {
    uint32_t n_heads, n_kv_heads; // n_heads is a multiple of n_kv_heads
    uint32_t head_dim;            // a multiple of 4, at most 256
    uint32_t row_elements;        // of one token in the query buffer
    bool half_kv;
    float scale;    // 1 / sqrt(head_dim) as a rule
    float soft_cap; // 0: none
};

struct vkh_attention {
    struct vkh_device *device;
    struct vkh_attention_shape shape;
    const struct vkh_variant *variant;
    const struct vkh_pipeline *pipeline;
};

const struct vkh_variant *vkh_attention_variants(uint32_t *n);

enum vkh_status vkh_attention_create(struct vkh_device *device,
                                     const struct vkh_attention_shape *shape,
                                     const struct vkh_variant *variant,
                                     struct vkh_attention *attention);

// The keys of tokens [0, prefix_tokens) lie in `prefix`, those from prefix_tokens on in `own`,
// whose slot 0 is token prefix_tokens. prefix_tokens is a multiple of VKH_KEY_TILE. Keys up to and
// including the chunk's own are in place.
struct vkh_attention_args {
    struct vkh_range q; // fp32 [n_tokens][row_elements], the heads first, rotated
    struct vkh_kv_segment prefix, own;
    uint32_t prefix_tokens;
    uint32_t first_token; // absolute position in the sequence of the chunk's first token
    uint32_t n_tokens;
    struct vkh_range out; // fp32 [n_tokens][n_heads][head_dim]
    uint32_t window;      // tokens, whatever their positions; 0: all
};

void vkh_attention_record(const struct vkh_attention *attention, struct vkh_cmd *cmd,
                          const struct vkh_attention_args *args);

// Sums in double. k and v: fp32 [n_kv_heads][first_token + n_tokens][head_dim].
void vkh_attention_ref(const struct vkh_attention_shape *shape, const float *q, const float *k,
                       const float *v, uint32_t first_token, uint32_t n_tokens, uint32_t window,
                       float *out);

#endif
