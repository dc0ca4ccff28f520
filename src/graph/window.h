// SPDX-License-Identifier: MIT
// The weights that are on the device: all of them, or, streamed, those at work and the layer after
// them, whose upload goes on while the device computes.
#ifndef VKH_GRAPH_WINDOW_H
#define VKH_GRAPH_WINDOW_H

#include "graph/weights.h"

struct vkh_stream;

struct vkh_window {
    struct vkh_device *device;
    struct vkh_stream *stream;
    struct vkh_upload *upload; // NULL: all are there
    struct vkh_weights weights;
    uint32_t part, loaded; // entered last, uploaded last
    uint64_t left;         // ticket of what was recorded for the part before
};

// Uploads the weights through the stream and finishes it, or where they are streamed nothing yet;
// the stream must then outlive the window. *window can be given to fini whatever the status.
enum vkh_status vkh_window_init(struct vkh_device *device, struct vkh_stream *stream,
                                const struct vkh_model *model,
                                const struct vkh_matrix_layout *layout, bool streamed,
                                struct vkh_window *window);
// Finishes the stream where weights are streamed.
void vkh_window_fini(struct vkh_window *window);

// Before what reads a part of the weights is recorded; parts are entered one after another, from
// the first to the last and again. Everything before was recorded for the part entered before. The
// embedding and the head have the device to themselves, the layers come in twos.
enum vkh_status vkh_window_enter(struct vkh_window *window, uint32_t part);

// Uploads the next layer, if there is one; best once the device has work for a while, which is when
// some was recorded for the part that was entered. Waits for what was recorded before that.
enum vkh_status vkh_window_prepare(struct vkh_window *window);

#endif
