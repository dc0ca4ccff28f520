// SPDX-License-Identifier: MIT
// Small transfers between host memory and buffers.
#include <string.h>

#include "base/size.h"
#include "gpu/internal.h"
#include "gpu/staging.h"
#include "gpu/stream.h"

enum { STAGING_BYTES = 4 << 20 };

// The stream's staging for transfers of so many bytes at a time.
static enum vkh_status take_staging(struct vkh_stream *stream, struct vkh_device *device,
                                    enum vkh_memory memory, uint64_t bytes, struct vkh_buffer **out)
{
    struct vkh_staging *kept = vkh_stream_staging(stream);
    struct vkh_buffer **buffer = memory == VKH_MEMORY_UPLOAD ? &kept->upload : &kept->readback;
    enum vkh_status status = VKH_OK;
    if (!*buffer || (*buffer)->size < bytes) {
        vkh_buffer_destroy(buffer);
        status = vkh_buffer_create(device, "staging", bytes, memory, buffer);
    }
    *out = *buffer;
    return status;
}

// Moves `size` bytes between host memory and a range of an unmapped buffer, a piece at a time.
static enum vkh_status through_staging(struct vkh_stream *stream, struct vkh_range range, void *to,
                                       const void *from)
{
    struct vkh_buffer *staging;
    const uint64_t piece = vkh_min_size(range.size, STAGING_BYTES);
    enum vkh_status status =
        take_staging(stream, range.buffer->device, to ? VKH_MEMORY_READBACK : VKH_MEMORY_UPLOAD,
                     piece, &staging);
    for (uint64_t done = 0; status == VKH_OK && done < range.size; done += piece) {
        const uint64_t n = vkh_min_size(piece, range.size - done);
        const struct vkh_range part = vkh_range(range.buffer, range.offset + done, n);
        const struct vkh_range stage = vkh_range(staging, 0, n);
        if (from)
            memcpy(staging->mapped, (const char *)from + done, n);
        vkh_cmd_copy(vkh_stream_cmd(stream), to ? part : stage, to ? stage : part);
        status = vkh_stream_finish(stream);
        if (to && status == VKH_OK)
            memcpy((char *)to + done, staging->mapped, n);
    }
    return status;
}

enum vkh_status vkh_stream_write(struct vkh_stream *stream, struct vkh_range to, const void *from)
{
    if (!to.buffer->mapped)
        return through_staging(stream, to, NULL, from);
    const enum vkh_status status = vkh_stream_finish(stream);
    if (status == VKH_OK)
        memcpy((char *)to.buffer->mapped + to.offset, from, to.size);
    return status;
}

enum vkh_status vkh_stream_read(struct vkh_stream *stream, void *to, struct vkh_range from)
{
    if (!from.buffer->mapped)
        return through_staging(stream, from, to, NULL);
    const enum vkh_status status = vkh_stream_finish(stream);
    if (status == VKH_OK)
        memcpy(to, (const char *)from.buffer->mapped + from.offset, from.size);
    return status;
}
