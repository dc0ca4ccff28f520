// SPDX-License-Identifier: MIT
// What graph/tune.c lets variants compete in: how each is made and run on a trial's operands.
#ifndef VKH_GRAPH_EVENT_H
#define VKH_GRAPH_EVENT_H

#include "graph/trial.h"

// One variant of an event's operation, with the kernels that it needs.
struct vkh_contestant {
    const struct vkh_variant *variant;
    struct vkh_matmul matmul;
    struct vkh_matmul_matrix tiles;
    struct vkh_attention attention;
    struct vkh_attention_matrix attention_matrix;
    struct vkh_head_nll head;
};

// What is chosen at once.
struct vkh_event {
    const char *operation;
    bool has_type;
    double margin; // what is not preferred must take less than this part of what is
    const struct vkh_variant *(*variants)(const struct vkh_trial *trial, uint32_t *n);
    enum vkh_status (*create)(const struct vkh_trial *trial, struct vkh_contestant *k);
    void (*record)(const struct vkh_trial *trial, const struct vkh_contestant *k, uint32_t n);
};

// A tier is judged by the kernels that it would use, so what it chooses from comes before it.
enum {
    VKH_EVENT_TILE,
    VKH_EVENT_MATMUL,
    VKH_EVENT_ATTENTION,
    VKH_EVENT_HEAD,
    VKH_EVENT_TIER,
    VKH_N_EVENTS
};
extern const struct vkh_event vkh_events[VKH_N_EVENTS];

#endif
