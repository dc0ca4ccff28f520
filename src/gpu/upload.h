// SPDX-License-Identifier: MIT
// Large transfers from host memory to buffers: two halves of mapped memory, of which the host fills
// one while the device copies the other. What is recorded runs in the stream's order, so that
// buffers can be filled anew behind the work that still reads them.
#ifndef VKH_GPU_UPLOAD_H
#define VKH_GPU_UPLOAD_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "base/size.h"
#include "gpu/buffer.h"

struct vkh_stream;
struct vkh_upload;
struct vkh_workers;

enum { VKH_UPLOAD_PIECE = 16 << 20 }; // bytes that are best filled and copied at once

// Device bytes that vkh_upload_land takes with such halves, and no piece larger than one.
static inline uint64_t vkh_upload_landing(uint64_t half)
{
    return 2 * vkh_min_size(half, VKH_UPLOAD_PIECE);
}

// `half` is grown to the largest piece. The stream must outlive the upload.
enum vkh_status vkh_upload_create(struct vkh_device *device, struct vkh_stream *stream,
                                  uint64_t half, struct vkh_upload **upload);
// Finishes the stream.
void vkh_upload_destroy(struct vkh_upload **upload);
struct vkh_stream *vkh_upload_stream(const struct vkh_upload *upload);
// To fill what is reserved with: one thread copies slower than devices do.
struct vkh_workers *vkh_upload_workers(const struct vkh_upload *upload);

// Mapped memory, to be filled and its copy recorded before anything else is reserved. *memory's
// contents are undefined, and it may be write-combining: best written in order, never read. Waits
// for the device where both halves are in use.
enum vkh_status vkh_upload_reserve(struct vkh_upload *upload, uint64_t bytes, void **memory);

// Each records the copy of what was reserved last: to a range of its size in bytes rounded up to a
// multiple of 4, or, VKH_UPLOAD_PIECE bytes at most, to device memory of the upload's own, for
// commands recorded before the landing after next.
void vkh_upload_copy(struct vkh_upload *upload, struct vkh_range to);
enum vkh_status vkh_upload_land(struct vkh_upload *upload, struct vkh_range *landed);

// Submits what was recorded, so that the memory is free again as soon as this has run and not with
// what is recorded next.
enum vkh_status vkh_upload_flush(struct vkh_upload *upload);

#endif
