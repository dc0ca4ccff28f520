// SPDX-License-Identifier: MIT
#include "gpu/buffer.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/block.h"
#include "gpu/internal.h"

// Property flags in order of preference for each kind, ended by 0.
static const VkMemoryPropertyFlags preferences[][3] = {
    [VKH_MEMORY_DEVICE] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT},
    [VKH_MEMORY_UPLOAD] = {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                           VK_MEMORY_PROPERTY_HOST_COHERENT_BIT},
    [VKH_MEMORY_READBACK] = {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                 VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                 VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                             VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                 VK_MEMORY_PROPERTY_HOST_COHERENT_BIT},
};

static uint32_t find_memory_type(const struct vkh_device *device, uint32_t allowed,
                                 enum vkh_memory kind)
{
    for (const VkMemoryPropertyFlags *want = preferences[kind]; *want; want++) {
        for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++) {
            const VkMemoryPropertyFlags flags = device->memory.memoryTypes[i].propertyFlags;
            if ((allowed >> i & 1) && (flags & *want) == *want)
                return i;
        }
    }
    return UINT32_MAX;
}

// Returns the bytes of VKH_MEMORY_DEVICE that are then in use.
static uint64_t count(struct vkh_device *device, enum vkh_memory kind, uint64_t size, bool add)
{
    struct vkh_memory_use *use = &device->memory_use;
    const bool local = kind == VKH_MEMORY_DEVICE;
    uint64_t *now = local ? &use->device_now : &use->host_now;
    uint64_t *peak = local ? &use->device_peak : &use->host_peak;
    pthread_mutex_lock(&device->lock);
    *now = add ? *now + size : *now - size;
    *peak = vkh_max_size(*peak, *now);
    const uint64_t in_use = use->device_now;
    pthread_mutex_unlock(&device->lock);
    return in_use;
}

// Mapped memory, of the buffer alone.
static VkResult map_memory(struct vkh_buffer *buffer, uint64_t size, uint32_t type)
{
    struct vkh_device *device = buffer->device;
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = size,
                                       .memoryTypeIndex = type};
    VkResult result =
        device->vk.vkAllocateMemory(device->handle, &info, device->allocator, &buffer->memory);
    if (result == VK_SUCCESS)
        result = device->vk.vkBindBufferMemory(device->handle, buffer->handle, buffer->memory, 0);
    if (result == VK_SUCCESS)
        result = device->vk.vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0,
                                        &buffer->mapped);
    return result;
}

static VkResult take_piece(struct vkh_buffer *buffer, const VkMemoryRequirements *needs,
                           uint32_t type)
{
    struct vkh_device *device = buffer->device;
    VkResult result = vkh_piece_create(device, needs, type, &buffer->piece);
    if (result == VK_SUCCESS)
        result = device->vk.vkBindBufferMemory(
            device->handle, buffer->handle, vkh_piece_memory(buffer->piece), buffer->piece->offset);
    if (result == VK_SUCCESS && vkh_has_addresses(device))
        buffer->address = device->vk.vkGetBufferDeviceAddress(
            device->handle,
            &(VkBufferDeviceAddressInfo){.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                         .buffer = buffer->handle});
    return result;
}

static VkResult back_with_memory(struct vkh_buffer *buffer)
{
    struct vkh_device *device = buffer->device;
    VkMemoryRequirements needs;
    device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
    const uint32_t type = find_memory_type(device, needs.memoryTypeBits, buffer->kind);
    if (type == UINT32_MAX)
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return buffer->kind == VKH_MEMORY_DEVICE ? take_piece(buffer, &needs, type)
                                             : map_memory(buffer, needs.size, type);
}

static VkResult make(struct vkh_buffer *buffer)
{
    struct vkh_device *device = buffer->device;
    const bool has_address = buffer->kind == VKH_MEMORY_DEVICE && vkh_has_addresses(device);
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buffer->size,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                 (has_address ? VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT : 0u),
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    const VkResult result =
        device->vk.vkCreateBuffer(device->handle, &info, device->allocator, &buffer->handle);
    return result == VK_SUCCESS ? back_with_memory(buffer) : result;
}

static void release(struct vkh_buffer *buffer)
{
    struct vkh_device *device = buffer->device;
    device->vk.vkDestroyBuffer(device->handle, buffer->handle, device->allocator);
    device->vk.vkFreeMemory(device->handle, buffer->memory, device->allocator);
    vkh_piece_destroy(device, buffer->piece);
    free(buffer);
}

enum vkh_status vkh_buffer_create(struct vkh_device *device, const char *name, uint64_t size,
                                  enum vkh_memory memory, struct vkh_buffer **out)
{
    *out = NULL;
    if (size == 0)
        return vkh_fail(&device->log, VKH_ERR_ARGUMENT, "buffer \"%s\": size is 0", name);
    if (size > device->caps.max_allocation)
        return vkh_fail(&device->log, VKH_ERR_DEVICE_MEMORY,
                        "buffer \"%s\": %llu bytes, the device allocates at most %llu at once",
                        name, (unsigned long long)size,
                        (unsigned long long)device->caps.max_allocation);
    struct vkh_buffer *buffer = calloc(1, sizeof(*buffer));
    if (!buffer)
        return vkh_fail(&device->log, VKH_ERR_MEMORY, "buffer \"%s\": out of host memory", name);
    buffer->device = device;
    buffer->kind = memory;
    buffer->size = size;
    const VkResult result = make(buffer);
    if (result != VK_SUCCESS) {
        release(buffer);
        if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
            return vkh_fail(&device->log, VKH_ERR_DEVICE_MEMORY,
                            "buffer \"%s\": %llu bytes do not fit in device memory", name,
                            (unsigned long long)size);
        return vkh_vk_status(&device->log, result, name);
    }
    count(device, memory, size, true);
    *out = buffer;
    return VKH_OK;
}

void vkh_buffer_destroy(struct vkh_buffer **pointer)
{
    if (!pointer || !*pointer)
        return;
    struct vkh_buffer *buffer = *pointer;
    struct vkh_device *device = buffer->device;
    *pointer = NULL;
    const uint64_t in_use = count(device, buffer->kind, buffer->size, false);
    release(buffer);
    if (in_use == 0)
        vkh_blocks_trim(device);
}

uint64_t vkh_buffer_size(const struct vkh_buffer *buffer)
{
    return buffer->size;
}

void *vkh_buffer_map(const struct vkh_buffer *buffer)
{
    return buffer->mapped;
}

struct vkh_range vkh_range_all(const struct vkh_buffer *buffer)
{
    return vkh_range(buffer, 0, buffer->size);
}
