// SPDX-License-Identifier: MIT
// The layout of one layer's keys and values: [kv head][K, V][capacity][head_dim]. Packed, in 8
// bits, each tile of keys or of values has its bytes first and then its scales (kernels/kv_pack.h):
// [kv head][K, V][key tile]{int8 [VKH_KEY_TILE][head_dim], fp16 [blocks][VKH_KEY_TILE]}.
#ifndef VKH_KERNELS_KV_H
#define VKH_KERNELS_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"
#include "gpu/buffer.h"

// Keys are visited in tiles of this many tokens at absolute positions, so that a result does not
// depend on how the tokens were cut into segments and chunks.
enum { VKH_KEY_TILE = 64 };

// Elements of a head that share a scale where they are packed.
enum { VKH_KV_BLOCK = 32 };

struct vkh_kv_shape {
    uint32_t n_kv_heads, head_dim;
    uint32_t capacity; // tokens, a multiple of VKH_KEY_TILE
    bool half;         // attention reads fp16, two to a word; else fp32
    bool packed;       // kept in 8 bits, and unpacked to those before attention reads them
};

// Some tokens' keys and values of one layer. Without a buffer the segment is empty.
struct vkh_kv_segment {
    const struct vkh_buffer *buffer;
    struct vkh_kv_shape shape;
};

static inline const char *vkh_kv_type_name(const struct vkh_kv_shape *shape)
{
    return shape->packed ? "Q8_0" : shape->half ? "F16" : "F32";
}

// What attention reads of it.
static inline struct vkh_kv_shape vkh_kv_unpacked(const struct vkh_kv_shape *shape)
{
    struct vkh_kv_shape unpacked = *shape;
    unpacked.packed = false;
    return unpacked;
}

// Scales of a token's key or value in one head; the last block may be shorter.
static inline uint32_t vkh_kv_blocks(uint32_t head_dim)
{
    return (uint32_t)vkh_div_up(head_dim, VKH_KV_BLOCK);
}

// Bytes of the keys, or the values, of one tile and kv head.
static inline uint64_t vkh_kv_tile_bytes(const struct vkh_kv_shape *shape)
{
    const uint64_t elements = (uint64_t)VKH_KEY_TILE * shape->head_dim;
    if (shape->packed)
        return elements + (uint64_t)VKH_KEY_TILE * vkh_kv_blocks(shape->head_dim) * 2;
    return elements * (shape->half ? 2 : 4);
}

// Bytes of one kv head; a multiple of 256 when head_dim is a multiple of 2.
static inline uint64_t vkh_kv_head_bytes(const struct vkh_kv_shape *shape)
{
    return 2 * (uint64_t)(shape->capacity / VKH_KEY_TILE) * vkh_kv_tile_bytes(shape);
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
