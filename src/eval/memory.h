// SPDX-License-Identifier: MIT
// What an evaluation needs of the device.
#ifndef VKH_EVAL_MEMORY_H
#define VKH_EVAL_MEMORY_H

#include "eval/eval.h"
#include "graph/graph.h"

// One of the models on the device.
struct vkh_eval_resident {
    struct vkh_graph_plan plan;
    uint32_t n_layers, hidden;
};

// Of a walk by chunks: weights and activations of every model, and the keys and values of the worst
// group: its prefix and its longest own part. A pass's other buffers count as activations, and so
// do `comparison` bytes (vkh_comparison_plan) and the rows of an origin's references. `models` are
// VKH_N_MODELS. `limit` is what the run may take; the device's is left for the caller to fill in.
struct vkh_ppl_memory vkh_eval_memory(const struct vkh_eval *eval,
                                      const struct vkh_eval_resident *models, uint64_t comparison,
                                      uint64_t limit);

// Of a walk by layers, its arguments as above: one layer's keys and values of either model, and the
// batch with the most residual streams, beside what comparisons take. *room is what
// the batches may take (eval/legs.h): what `limit` leaves, or the least that they need.
struct vkh_ppl_memory vkh_eval_memory_by_layers(const struct vkh_eval *eval,
                                                const struct vkh_eval_resident *models,
                                                uint64_t comparison, uint64_t limit,
                                                uint64_t *room);

// Whether the device allocates and binds the run's largest buffers, whatever the walk: keys and
// values (vkh_pass_check_kv) and a reference's rows. VKH_ERR_DEVICE_MEMORY if not.
enum vkh_status vkh_eval_check_buffers(const struct vkh_eval *eval,
                                       const struct vkh_eval_resident models[VKH_N_MODELS],
                                       const struct vkh_caps *caps, const struct vkh_log *log);

#endif
