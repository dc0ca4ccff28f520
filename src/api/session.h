// SPDX-License-Identifier: MIT
// What session.c and lane.c share.
#ifndef VKH_API_SESSION_H
#define VKH_API_SESSION_H

#include <vkhrope/session.h>

#include "graph/graph.h"

struct vkh_session {
    struct vkh_device *device;
    const struct vkh_model *model;
    struct vkh_log log;
    struct vkh_stream *stream;
    struct vkh_graph *graph;
};

#endif
