// SPDX-License-Identifier: MIT
// The layout of one layer's keys and values: [kv head][K, V][capacity][head_dim].
#ifndef VKH_KERNELS_KV_H
#define VKH_KERNELS_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"
#include "gpu/buffer.h"

// Keys are visited in tiles of this many tokens at absolute positions, so that a result does not
// depend on how the tokens were cut into segments and chunks.
enum { VKH_KEY_TILE = 64 };

struct vkh_kv_shape {
    uint32_t n_kv_heads, head_dim;
    uint32_t capacity; // tokens, a multiple of VKH_KEY_TILE
    bool half;         // fp16, two to a word; else fp32
};

// Some tokens' keys and values of one layer. Without a buffer the segment is empty.
struct vkh_kv_segment {
    const struct vkh_buffer *buffer;
    struct vkh_kv_shape shape;
};

static inline uint32_t vkh_kv_element_bytes(const struct vkh_kv_shape *shape)
{
    return shape->half ? 2 : 4;
}

// Bytes of one kv head; a multiple of 256 when head_dim is a multiple of 2.
static inline uint64_t vkh_kv_head_bytes(const struct vkh_kv_shape *shape)
{
    return (uint64_t)2 * shape->capacity * shape->head_dim * vkh_kv_element_bytes(shape);
}

static inline uint64_t vkh_kv_bytes(const struct vkh_kv_shape *shape)
{
    return shape->n_kv_heads * vkh_kv_head_bytes(shape);
}

// The heads [first, first + n) as a binding.
static inline struct vkh_range vkh_kv_heads(const struct vkh_kv_segment *segment, uint32_t first,
                                            uint32_t n)
{
    const uint64_t bytes = vkh_kv_head_bytes(&segment->shape);
    return vkh_range(segment->buffer, first * bytes, n * bytes);
}

// How many heads one binding of at most max_range bytes holds; 0 when not even one fits.
static inline uint32_t vkh_kv_heads_per_binding(const struct vkh_kv_shape *shape,
                                                uint64_t max_range)
{
    return (uint32_t)vkh_min_size(max_range / vkh_kv_head_bytes(shape), shape->n_kv_heads);
}

#endif
