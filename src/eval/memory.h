// SPDX-License-Identifier: MIT
// What an evaluation needs of the device.
#ifndef VKH_EVAL_MEMORY_H
#define VKH_EVAL_MEMORY_H

#include "eval/eval.h"
#include "graph/graph.h"

// Weights and activations of `plan`, and the keys and values of the worst group: its prefix and its
// longest own part. A pass's other buffers count as activations.
struct vkh_ppl_memory vkh_eval_memory(const struct vkh_eval *eval,
                                      const struct vkh_graph_plan *plan, uint32_t n_layers,
                                      uint64_t heap_bytes);

#endif
