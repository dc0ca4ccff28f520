// SPDX-License-Identifier: MIT
// Recording into command buffers and onto buffers that are the caller's.
#ifndef VKH_GPU_FOREIGN_H
#define VKH_GPU_FOREIGN_H

#include <vkhrope/vulkan.h>

#include "gpu/internal.h"

struct vkh_cmd;
struct vkh_foreign;

enum vkh_status vkh_foreign_create(struct vkh_device *device, struct vkh_foreign **foreign);
// What was recorded has been executed or is not going to be.
void vkh_foreign_destroy(struct vkh_foreign **foreign);

// Where to record next, valid until the next begin. The descriptors that the commands need are kept
// until the timeline semaphore `done` has reached `value`; without a semaphore, until destroy.
enum vkh_status vkh_foreign_begin(struct vkh_foreign *foreign, VkCommandBuffer commands,
                                  VkSemaphore done, uint64_t value, struct vkh_cmd **cmd);
// The first failure since begin.
enum vkh_status vkh_foreign_end(const struct vkh_foreign *foreign);

// The caller's buffer as one to bind up to `end` bytes of; not to be destroyed.
static inline struct vkh_buffer vkh_foreign_buffer(struct vkh_device *device, VkBuffer handle,
                                                   uint64_t end)
{
    return (struct vkh_buffer){.device = device, .handle = handle, .size = end};
}

#endif
