// SPDX-License-Identifier: MIT
// An evaluation on the device: group by group the shared prefix, then each track's own part.
#ifndef VKH_EVAL_WALK_H
#define VKH_EVAL_WALK_H

#include "eval/eval.h"
#include "graph/graph.h"

enum { VKH_QUEUED_CHUNKS = 2 }; // that the host runs ahead of the device

// Of either model its graph; of the other one where there is one.
struct vkh_walk_target {
    struct vkh_device *device;
    struct vkh_stream *stream;
    struct vkh_graph *graphs[VKH_N_MODELS];
    uint32_t n_layers[VKH_N_MODELS];
    const struct vkh_log *log;
    const char *checkpoint; // a file to go on from and to keep; NULL: none
    const char *identity;   // of what it is a checkpoint of, see eval/checkpoint.h
    uint64_t room; // by layers: device bytes for what goes through them at once, see eval/legs.h
};

// Fills the NLL, the divergences and the marks of every track; vkh_eval_prepare was called with the
// graphs' chunks.
// VKH_ERR_CANCELLED when the options' callback says so. With a checkpoint, eval->earlier tells what
// it had cost before.
enum vkh_status vkh_eval_walk(struct vkh_eval *eval, const struct vkh_walk_target *target);

#endif
