// SPDX-License-Identifier: MIT
// Mapped memory for a stream's small transfers, kept from one to the next: to allocate it takes
// longer than they do.
#ifndef VKH_GPU_STAGING_H
#define VKH_GPU_STAGING_H

#include "gpu/buffer.h"

struct vkh_stream;

struct vkh_staging {
    struct vkh_buffer *upload, *readback; // NULL: none was needed yet
};

// The stream's own, which destroys it.
struct vkh_staging *vkh_stream_staging(struct vkh_stream *stream);

#endif
