// SPDX-License-Identifier: MIT
// Storage buffers.
#ifndef VKH_GPU_BUFFER_H
#define VKH_GPU_BUFFER_H

#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_device;
struct vkh_buffer;

enum vkh_memory {
    VKH_MEMORY_DEVICE,   // fast for the device, not mapped
    VKH_MEMORY_UPLOAD,   // mapped, written by the host
    VKH_MEMORY_READBACK, // mapped, read by the host
};

// Part of a buffer. As a shader binding, `offset` is a multiple of caps.storage_alignment and
// `size` at most caps.max_storage_range.
struct vkh_range {
    const struct vkh_buffer *buffer;
    uint64_t offset, size;
};

// `name` appears in messages. Contents are undefined. VKH_ERR_DEVICE_MEMORY when it does not fit.
enum vkh_status vkh_buffer_create(struct vkh_device *device, const char *name, uint64_t size,
                                  enum vkh_memory memory, struct vkh_buffer **buffer);
// No submitted work may still use it.
void vkh_buffer_destroy(struct vkh_buffer **buffer);

uint64_t vkh_buffer_size(const struct vkh_buffer *buffer);
// NULL for VKH_MEMORY_DEVICE; coherent otherwise.
void *vkh_buffer_map(const struct vkh_buffer *buffer);

static inline struct vkh_range vkh_range(const struct vkh_buffer *buffer, uint64_t offset,
                                         uint64_t size)
{
    return (struct vkh_range){buffer, offset, size};
}
// The whole buffer.
struct vkh_range vkh_range_all(const struct vkh_buffer *buffer);

#endif
