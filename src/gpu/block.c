// SPDX-License-Identifier: MIT
#include "gpu/block.h"

#include <stdlib.h>

#include "base/size.h"
#include "gpu/internal.h"

struct vkh_block {
    struct vkh_block *next;
    VkDeviceMemory memory;
    uint32_t type;
    uint64_t grain;          // what offsets and sizes in it are multiples of
    struct vkh_piece *first; // by offset
};

enum {
    SMALL_GRAIN = 256,
    PAGE = 2 << 20, // the large page of GPUs
    SMALL_BLOCK = PAGE,
    LARGEST_BLOCK = 256 << 20,
};

// Pieces of a page and more start on one, in blocks of their own.
static uint64_t grain_of(const VkMemoryRequirements *needs)
{
    return vkh_max_size(needs->alignment, needs->size < PAGE ? SMALL_GRAIN : PAGE);
}

// 1/64 of the heap at most, so that what is left over in a block is little of the device. Large
// blocks get large pages from GPUs; on a processor they would only be more to clear.
static uint64_t block_size(const struct vkh_device *device, uint32_t type, uint64_t size)
{
    if (size < PAGE || device->caps.is_cpu)
        return vkh_max_size(size, SMALL_BLOCK);
    const uint32_t heap = device->memory.memoryTypes[type].heapIndex;
    const uint64_t share = device->memory.memoryHeaps[heap].size / 64 / PAGE * PAGE;
    return vkh_max_size(size, vkh_min_size(share, LARGEST_BLOCK));
}

// The part of a free piece beyond `size` becomes a piece of its own.
static bool split(struct vkh_piece *piece, uint64_t size)
{
    if (piece->size == size)
        return true;
    struct vkh_piece *rest = calloc(1, sizeof(*rest));
    if (!rest)
        return false;
    *rest = (struct vkh_piece){.before = piece,
                               .after = piece->after,
                               .block = piece->block,
                               .offset = piece->offset + size,
                               .size = piece->size - size};
    if (rest->after)
        rest->after->before = rest;
    piece->after = rest;
    piece->size = size;
    return true;
}

static void join_next(struct vkh_piece *piece)
{
    struct vkh_piece *next = piece->after;
    piece->size += next->size;
    piece->after = next->after;
    if (next->after)
        next->after->before = piece;
    free(next);
}

// The smallest free piece that is large enough.
static struct vkh_piece *find(const struct vkh_device *device, uint32_t type, uint64_t grain,
                              uint64_t size)
{
    struct vkh_piece *best = NULL;
    for (struct vkh_block *block = device->blocks; block; block = block->next) {
        if (block->type != type || block->grain != grain)
            continue;
        for (struct vkh_piece *piece = block->first; piece; piece = piece->after) {
            if (!piece->used && piece->size >= size && (!best || piece->size < best->size))
                best = piece;
        }
    }
    return best;
}

static VkResult add_block(struct vkh_device *device, uint32_t type, uint64_t grain, uint64_t size)
{
    struct vkh_block *block = calloc(1, sizeof(*block));
    struct vkh_piece *whole = calloc(1, sizeof(*whole));
    if (!block || !whole) {
        free(block);
        free(whole);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    *whole = (struct vkh_piece){.block = block, .size = size};
    *block =
        (struct vkh_block){.next = device->blocks, .type = type, .grain = grain, .first = whole};
    const VkMemoryAllocateFlagsInfo addressed = {.sType =
                                                     VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                                 .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = vkh_has_addresses(device) ? &addressed : NULL,
                                       .allocationSize = size,
                                       .memoryTypeIndex = type};
    const VkResult result =
        device->vk.vkAllocateMemory(device->handle, &info, device->allocator, &block->memory);
    if (result != VK_SUCCESS) {
        free(block);
        free(whole);
        return result;
    }
    device->blocks = block;
    return VK_SUCCESS;
}

static bool trim(struct vkh_device *device)
{
    bool any = false;
    for (struct vkh_block **at = &device->blocks; *at;) {
        struct vkh_block *block = *at;
        if (block->first->used || block->first->after) {
            at = &block->next;
            continue;
        }
        *at = block->next;
        device->vk.vkFreeMemory(device->handle, block->memory, device->allocator);
        free(block->first);
        free(block);
        any = true;
    }
    return any;
}

// A new block; where the driver has no more, without those that nobody uses, then of the least
// size.
static VkResult make_room(struct vkh_device *device, uint32_t type, uint64_t grain, uint64_t size)
{
    const uint64_t usual = block_size(device, type, size);
    VkResult result = add_block(device, type, grain, usual);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY && trim(device))
        result = add_block(device, type, grain, usual);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY && usual > size)
        result = add_block(device, type, grain, size);
    return result;
}

VkResult vkh_piece_create(struct vkh_device *device, const VkMemoryRequirements *needs,
                          uint32_t type, struct vkh_piece **out)
{
    const uint64_t grain = grain_of(needs), size = vkh_round_up(needs->size, grain);
    pthread_mutex_lock(&device->lock);
    VkResult result = VK_SUCCESS;
    struct vkh_piece *piece = find(device, type, grain, size);
    if (!piece) {
        result = make_room(device, type, grain, size);
        piece = result == VK_SUCCESS ? find(device, type, grain, size) : NULL;
    }
    if (piece && !split(piece, size)) {
        piece = NULL;
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (piece)
        piece->used = true;
    pthread_mutex_unlock(&device->lock);
    *out = piece;
    return result;
}

void vkh_piece_destroy(struct vkh_device *device, struct vkh_piece *piece)
{
    if (!piece)
        return;
    pthread_mutex_lock(&device->lock);
    piece->used = false;
    if (piece->after && !piece->after->used)
        join_next(piece);
    if (piece->before && !piece->before->used)
        join_next(piece->before);
    pthread_mutex_unlock(&device->lock);
}

VkDeviceMemory vkh_piece_memory(const struct vkh_piece *piece)
{
    return piece->block->memory;
}

bool vkh_blocks_trim(struct vkh_device *device)
{
    pthread_mutex_lock(&device->lock);
    const bool any = trim(device);
    pthread_mutex_unlock(&device->lock);
    return any;
}
