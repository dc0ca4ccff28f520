// SPDX-License-Identifier: MIT
// Recording device work. Barriers are placed by the recorder: it knows what each dispatch reads
// and writes, and separates only those that overlap.
#ifndef VKH_GPU_CMD_H
#define VKH_GPU_CMD_H

#include <stdint.h>

#include "gpu/buffer.h"
#include "gpu/pipeline.h"

struct vkh_cmd;

struct vkh_dispatch {
    const struct vkh_pipeline *pipeline;
    struct vkh_range bindings[VKH_MAX_BINDINGS]; // as many as the pipeline has
    uint32_t writes;                             // bit i: binding i is written (and maybe read)
    const void *push;                            // the pipeline's push_bytes
    uint32_t groups[3];                          // each at least 1, within caps.max_group_count
    double cost;                                 // multiply-adds, for sizing submits; an estimate
};

// The first failure is kept and everything after it ignored; vkh_stream_submit returns it.
void vkh_cmd_dispatch(struct vkh_cmd *cmd, const struct vkh_dispatch *dispatch);
// Sizes are equal, offsets and size multiples of 4.
void vkh_cmd_copy(struct vkh_cmd *cmd, struct vkh_range from, struct vkh_range to);
// Fills with a repeated 32-bit word; offset and size multiples of 4.
void vkh_cmd_fill(struct vkh_cmd *cmd, struct vkh_range range, uint32_t word);

// The cost that the device gets through in about a tenth of a second, by what was measured so far:
// a dispatch that can be split costs no more, and runs into no watchdog.
double vkh_cmd_budget(const struct vkh_cmd *cmd);

#endif
