// SPDX-License-Identifier: MIT
#include "gpu/foreign.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/recorder.h"

// Descriptors of one recording.
struct slot {
    struct vkh_pools pools;
    VkSemaphore done;
    uint64_t value;
};

struct vkh_foreign {
    struct vkh_cmd cmd;
    struct slot *slots;
    uint32_t n_slots;
};

enum vkh_status vkh_foreign_create(struct vkh_device *device, struct vkh_foreign **out)
{
    struct vkh_foreign *foreign = *out = calloc(1, sizeof(*foreign));
    if (!foreign)
        return vkh_fail(&device->log, VKH_ERR_MEMORY, "a recorder: out of host memory");
    foreign->cmd.device = device;
    return VKH_OK;
}

void vkh_foreign_destroy(struct vkh_foreign **pointer)
{
    struct vkh_foreign *foreign = pointer ? *pointer : NULL;
    if (!foreign)
        return;
    for (uint32_t i = 0; i < foreign->n_slots; i++)
        vkh_pools_destroy(foreign->cmd.device, &foreign->slots[i].pools);
    free(foreign->slots);
    free(foreign);
    *pointer = NULL;
}

// *slot stays NULL when every one may still be in use.
static VkResult find_free(struct vkh_foreign *foreign, struct slot **slot)
{
    struct vkh_device *device = foreign->cmd.device;
    *slot = NULL;
    for (uint32_t i = 0; i < foreign->n_slots && !*slot; i++) {
        uint64_t reached;
        if (!foreign->slots[i].done)
            continue;
        const VkResult result =
            device->vk.vkGetSemaphoreCounterValue(device->handle, foreign->slots[i].done, &reached);
        if (result != VK_SUCCESS)
            return result;
        if (reached >= foreign->slots[i].value)
            *slot = &foreign->slots[i];
    }
    return VK_SUCCESS;
}

static VkResult add_slot(struct vkh_foreign *foreign, struct slot **slot)
{
    struct slot *grown =
        realloc(foreign->slots, ((size_t)foreign->n_slots + 1) * sizeof(*foreign->slots));
    if (!grown)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    foreign->slots = grown;
    *slot = &grown[foreign->n_slots++];
    **slot = (struct slot){0};
    return VK_SUCCESS;
}

enum vkh_status vkh_foreign_begin(struct vkh_foreign *foreign, VkCommandBuffer commands,
                                  VkSemaphore done, uint64_t value, struct vkh_cmd **cmd)
{
    struct vkh_device *device = foreign->cmd.device;
    struct slot *slot;
    VkResult result = find_free(foreign, &slot);
    if (result == VK_SUCCESS && !slot)
        result = add_slot(foreign, &slot);
    if (result != VK_SUCCESS)
        return vkh_vk_status(&device->log, result, "recording into the caller's command buffer");
    vkh_pools_reset(device, &slot->pools);
    slot->done = done;
    slot->value = value;
    foreign->cmd = (struct vkh_cmd){.device = device, .handle = commands, .pools = &slot->pools};
    *cmd = &foreign->cmd;
    return VKH_OK;
}

enum vkh_status vkh_foreign_end(const struct vkh_foreign *foreign)
{
    return foreign->cmd.status;
}
