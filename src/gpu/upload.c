// SPDX-License-Identifier: MIT
#include "gpu/upload.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "base/workers.h"
#include "gpu/device.h"
#include "gpu/stream.h"

enum { ALIGNMENT = 256 };

struct half {
    struct vkh_buffer *staging;
    uint64_t ticket; // of the last submit that copies from it
};

struct vkh_upload {
    struct vkh_device *device;
    struct vkh_stream *stream;
    struct vkh_workers *workers;
    uint64_t size; // of each half
    struct half halves[2];
    uint32_t current;
    uint64_t used;          // bytes of the current half
    uint64_t last, n_bytes; // what was reserved last
    bool recorded;          // copies from the current half that no ticket covers
    struct vkh_buffer *landing[2];
    uint32_t turn; // of the landing
};

enum vkh_status vkh_upload_create(struct vkh_device *device, struct vkh_stream *stream,
                                  uint64_t half, struct vkh_upload **out)
{
    *out = NULL;
    struct vkh_upload *upload = calloc(1, sizeof(*upload));
    if (upload)
        upload->workers = vkh_workers_create(vkh_workers_count());
    if (!upload || !upload->workers) {
        free(upload);
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "upload: out of host memory");
    }
    upload->device = device;
    upload->stream = stream;
    upload->size = vkh_round_up(vkh_max_size(half, 1), ALIGNMENT);
    *out = upload;
    return VKH_OK;
}

static void destroy_buffers(struct vkh_upload *upload)
{
    vkh_stream_finish(upload->stream);
    for (int i = 0; i < 2; i++) {
        vkh_buffer_destroy(&upload->halves[i].staging);
        vkh_buffer_destroy(&upload->landing[i]);
    }
}

void vkh_upload_destroy(struct vkh_upload **pointer)
{
    struct vkh_upload *upload = *pointer;
    if (!upload)
        return;
    destroy_buffers(upload);
    vkh_workers_destroy(&upload->workers);
    free(upload);
    *pointer = NULL;
}

struct vkh_stream *vkh_upload_stream(const struct vkh_upload *upload)
{
    return upload->stream;
}

struct vkh_workers *vkh_upload_workers(const struct vkh_upload *upload)
{
    return upload->workers;
}

enum vkh_status vkh_upload_flush(struct vkh_upload *upload)
{
    if (!upload->recorded)
        return VKH_OK;
    upload->recorded = false;
    return vkh_stream_submit(upload->stream, &upload->halves[upload->current].ticket);
}

// Makes the other half the current one.
static enum vkh_status turn_over(struct vkh_upload *upload)
{
    enum vkh_status status = vkh_upload_flush(upload);
    upload->current = 1 - upload->current;
    upload->used = 0;
    if (status == VKH_OK)
        status = vkh_stream_wait(upload->stream, upload->halves[upload->current].ticket);
    return status;
}

enum vkh_status vkh_upload_reserve(struct vkh_upload *upload, uint64_t bytes, void **memory)
{
    const uint64_t n = vkh_round_up(bytes, ALIGNMENT);
    enum vkh_status status = VKH_OK;
    if (n > upload->size) {
        destroy_buffers(upload);
        upload->size = n;
        upload->used = 0;
        upload->recorded = false;
    }
    if (n > upload->size - upload->used)
        status = turn_over(upload);
    struct half *half = &upload->halves[upload->current];
    if (status == VKH_OK && !half->staging)
        status = vkh_buffer_create(upload->device, "staging", upload->size, VKH_MEMORY_UPLOAD,
                                   &half->staging);
    if (status != VKH_OK)
        return status;
    *memory = (char *)vkh_buffer_map(half->staging) + upload->used;
    upload->last = upload->used;
    upload->n_bytes = vkh_round_up(bytes, 4);
    upload->used += n;
    return VKH_OK;
}

void vkh_upload_copy(struct vkh_upload *upload, struct vkh_range to)
{
    const struct vkh_buffer *staging = upload->halves[upload->current].staging;
    vkh_cmd_copy(vkh_stream_cmd(upload->stream), vkh_range(staging, upload->last, upload->n_bytes),
                 to);
    upload->recorded = true;
}

enum vkh_status vkh_upload_land(struct vkh_upload *upload, struct vkh_range *landed)
{
    struct vkh_buffer **landing = &upload->landing[upload->turn];
    if (!*landing) {
        const enum vkh_status status =
            vkh_buffer_create(upload->device, "uploaded weights",
                              vkh_upload_landing(upload->size) / 2, VKH_MEMORY_DEVICE, landing);
        if (status != VKH_OK)
            return status;
    }
    upload->turn = 1 - upload->turn;
    *landed = vkh_range(*landing, 0, upload->n_bytes);
    vkh_upload_copy(upload, *landed);
    return VKH_OK;
}
