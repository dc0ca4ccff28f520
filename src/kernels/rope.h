// SPDX-License-Identifier: MIT
// Rotary embedding: rotates queries in place, rotates keys on their way into the KV cache, and
// copies values there. Angles are exact: see shaders/common/turns.glsl.
#ifndef VKH_KERNELS_ROPE_H
#define VKH_KERNELS_ROPE_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/kv.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_rope_shape {
    uint32_t n_heads, n_kv_heads, head_dim; // n_kv_heads 0: queries alone, and no cache
    uint32_t rotary_dim; // a multiple of 4, at most head_dim; the rest of a head passes through
    bool interleaved;    // pairs (2i, 2i+1); else (i, i + rotary_dim/2)
    bool half_kv;        // fp16 cache, rounded to nearest even
};

struct vkh_rope {
    struct vkh_device *device;
    struct vkh_rope_shape shape;
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_rope_create(struct vkh_device *device, const struct vkh_rope_shape *shape,
                                struct vkh_rope *rope);

struct vkh_rope_args {
    struct vkh_range qkv;         // fp32 [n_tokens][n_heads + 2 n_kv_heads][head_dim]
    struct vkh_range positions;   // uint64, in units of 2^-32 tokens
    uint32_t first_position;      // the index there of the first token's
    struct vkh_range frequencies; // uint64 [rotary_dim / 2], in 2^-64 turns per token
    struct vkh_kv_segment kv;     // token t goes to slot first_slot + t
    uint32_t first_slot;
    uint32_t n_tokens;
    float attention_scale; // multiplies cos and sin
};

void vkh_rope_kv_record(const struct vkh_rope *rope, struct vkh_cmd *cmd,
                        const struct vkh_rope_args *args);

// The scalar truth, on the host. `kv` has the device layout as fp32, whatever shape.half says
// (rounded to fp16 when it is set).
void vkh_rope_ref(const struct vkh_rope_shape *shape, float *qkv, const uint64_t *positions,
                  const uint64_t *frequencies, float *kv, uint32_t capacity, uint32_t first_slot,
                  uint32_t n_tokens, float attention_scale);

#endif
