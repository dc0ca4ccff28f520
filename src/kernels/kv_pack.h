// SPDX-License-Identifier: MIT
// Keys and values in 8 bits, and back. Each head of each token by itself, so that what is kept of a
// token does not depend on the tokens beside it, in blocks of VKH_KV_BLOCK elements as GGML's Q8_0:
//   scale = fp16(greatest magnitude / 127), byte = x / scale to the nearest, element = scale * byte
// A block with an element that is not finite, or too large for an fp16 scale, comes back as NaN.
#ifndef VKH_KERNELS_KV_PACK_H
#define VKH_KERNELS_KV_PACK_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/matrix.h"
#include "kernels/kv.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_kv_pack {
    struct vkh_device *device;
    const struct vkh_pipeline *pack, *unpack;
};

// Unpacked, they are rows of fp32, or with a layout that has a side, what kernels/rope_matrix.h
// writes: the head size is then a multiple of VKH_KV_BLOCK. Else it is a multiple of 4.
enum vkh_status vkh_kv_pack_create(struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, uint32_t head_dim,
                                   struct vkh_kv_pack *pack);

// Of the same tokens, and of one capacity.
struct vkh_kv_pack_args {
    struct vkh_kv_segment packed, unpacked;
    uint32_t first_slot; // a multiple of VKH_KEY_TILE
    uint32_t n_tokens;
};

// What lies in the last tile beyond the tokens is packed as zeros.
void vkh_kv_pack_record(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                        const struct vkh_kv_pack_args *args);
// Whole tiles.
void vkh_kv_unpack_record(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                          const struct vkh_kv_pack_args *args);

// One head of one token: bytes [head_dim], scales [vkh_kv_blocks(head_dim)].
void vkh_kv_pack_ref(const float *head, uint32_t head_dim, int8_t *bytes, uint16_t *scales);
void vkh_kv_unpack_ref(const int8_t *bytes, const uint16_t *scales, uint32_t head_dim, float *head);
// To 8 bits and back, in place.
void vkh_kv_round_ref(float *head, uint32_t head_dim);

#endif
