// SPDX-License-Identifier: MIT
// Memory of the device in large blocks, of which buffers are given pieces. A driver's allocation is
// slow (it clears what it hands out, at some 20 GB/s), limited in number, and of one's own size
// not always mapped by large pages: an H100 multiplies from others at two thirds of the rate.
#ifndef VKH_GPU_BLOCK_H
#define VKH_GPU_BLOCK_H

#include "gpu/functions.h"

struct vkh_device;
struct vkh_block;

// Part of a block, used or free, and its neighbours there.
struct vkh_piece {
    struct vkh_piece *before, *after;
    struct vkh_block *block;
    uint64_t offset, size; // bytes
    bool used;
};

// Memory of a type for a buffer with `needs`. VK_ERROR_OUT_OF_HOST_MEMORY or
// VK_ERROR_OUT_OF_DEVICE_MEMORY when there is none.
VkResult vkh_piece_create(struct vkh_device *device, const VkMemoryRequirements *needs,
                          uint32_t type, struct vkh_piece **piece);
// Joins the piece with its free neighbours. Blocks are kept for later pieces.
void vkh_piece_destroy(struct vkh_device *device, struct vkh_piece *piece);
VkDeviceMemory vkh_piece_memory(const struct vkh_piece *piece);

// Gives the driver back the blocks without a used piece; whether there were any.
bool vkh_blocks_trim(struct vkh_device *device);

#endif
