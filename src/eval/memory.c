// SPDX-License-Identifier: MIT
#include "eval/memory.h"

#include "base/size.h"

struct vkh_ppl_memory vkh_eval_memory(const struct vkh_eval *eval,
                                      const struct vkh_graph_plan *plan, uint32_t n_layers,
                                      uint64_t heap_bytes)
{
    struct vkh_pass_plan worst = {0};
    const uint64_t tables = eval->rope.local_base > 0 ? 2 : 1;
    const uint64_t frequencies = 2 * tables * 8 * (eval->rope.dims / 2);
    for (uint32_t i = 0; i < eval->n_groups; i++) {
        const struct vkh_group *group = &eval->groups[i];
        const uint32_t shared = group->prefix_tokens;
        const struct vkh_pass_plan prefix = vkh_pass_plan(&plan->kv, n_layers, shared);
        const struct vkh_pass_plan own =
            vkh_pass_plan(&plan->kv, n_layers, group->longest - shared);
        worst.kv = vkh_max_size(worst.kv, prefix.kv + own.kv);
        worst.other = vkh_max_size(worst.other, prefix.other + own.other + frequencies);
    }
    struct vkh_ppl_memory memory = {
        .weights = plan->weights,
        .kv = worst.kv,
        .activations = plan->activations + worst.other,
        .device = heap_bytes,
        .kv_type = plan->kv.half ? "F16" : "F32",
    };
    memory.peak = memory.weights + memory.kv + memory.activations;
    memory.fits = memory.peak <= heap_bytes;
    return memory;
}
