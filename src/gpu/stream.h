// SPDX-License-Identifier: MIT
// An ordered stream of submits. Recording runs ahead of the device by a few command buffers; one
// is submitted on its own once its cost is about a tenth of a second of device time, and with a
// pipeline's first run in it.
#ifndef VKH_GPU_STREAM_H
#define VKH_GPU_STREAM_H

#include <stdint.h>

#include "gpu/cmd.h"

struct vkh_stream;

enum vkh_status vkh_stream_create(struct vkh_device *device, struct vkh_stream **stream);
// Waits for everything submitted.
void vkh_stream_destroy(struct vkh_stream **stream);

// Where to record next; valid as long as the stream.
struct vkh_cmd *vkh_stream_cmd(struct vkh_stream *stream);
// Submits what was recorded. *ticket (may be NULL) passes to vkh_stream_wait. Returns the first
// failure since creation, recording included.
enum vkh_status vkh_stream_submit(struct vkh_stream *stream, uint64_t *ticket);
// Blocks until the ticket's submit, and so every earlier one, has finished; after a failure, until
// everything submitted has.
enum vkh_status vkh_stream_wait(struct vkh_stream *stream, uint64_t ticket);
// Submit and wait.
enum vkh_status vkh_stream_finish(struct vkh_stream *stream);

// Seconds the device spent in finished submits (timestamps; where two overlap, once), and the
// longest of them.
struct vkh_stream_times {
    double busy, longest;
};
struct vkh_stream_times vkh_stream_times(const struct vkh_stream *stream);

// Host memory to a buffer and back, through staging where the buffer is not mapped; the stream is
// finished when they return.
enum vkh_status vkh_stream_write(struct vkh_stream *stream, struct vkh_range to, const void *from);
enum vkh_status vkh_stream_read(struct vkh_stream *stream, void *to, struct vkh_range from);

#endif
