// SPDX-License-Identifier: MIT
// What one pass walks over.
#ifndef VKH_EVAL_SPAN_H
#define VKH_EVAL_SPAN_H

#include "eval/walk.h"
#include "graph/pass.h"

// Tokens [first, first + n) of a track, the last of them predicting token first + n unless that is
// `end`.
struct vkh_span {
    const struct vkh_track *track;
    uint32_t first, n, end;
};

// On the model of the span's track. *pass can be destroyed whatever the status.
// Keys and values go to buffers of the pass, or to `kv` where it is not NULL: vkh_pass_kv's `one`.
enum vkh_status vkh_span_create_pass(const struct vkh_span *span, const struct vkh_eval *eval,
                                     const struct vkh_walk_target *target,
                                     const struct vkh_layer_kv *kv, struct vkh_pass *pass);

#endif
