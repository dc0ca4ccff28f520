// SPDX-License-Identifier: MIT
#include "eval/memory.h"

#include "base/size.h"

// What passes of both parts of a group hold.
static struct vkh_pass_plan plan_group(const struct vkh_eval *eval, const struct vkh_group *group,
                                       int index, const struct vkh_eval_resident *model)
{
    const struct vkh_rope_setting *rope = &eval->ropes[index];
    const uint64_t tables = rope->local_base > 0 ? 2 : 1;
    const struct vkh_kv_shape *kv = &model->plan.kv;
    const uint32_t shared = group->prefix_tokens;
    const struct vkh_pass_plan prefix = vkh_pass_plan(kv, model->n_layers, shared);
    const struct vkh_pass_plan own = vkh_pass_plan(kv, model->n_layers, group->longest - shared);
    return (struct vkh_pass_plan){
        .kv = prefix.kv + own.kv,
        .other = prefix.other + own.other + 2 * tables * 8 * (rope->dims / 2),
    };
}

// The rows of the references of a group's origin, and a pass's divergences from each.
static uint64_t reference_bytes(const struct vkh_eval *eval, const struct vkh_group *group,
                                const struct vkh_eval_resident models[VKH_N_MODELS])
{
    uint64_t bytes = 0;
    for (uint32_t i = group->first_track; i < group->first_track + group->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const uint64_t hidden = models[vkh_eval_model_of(eval, track)].hidden;
        if (track->reference == i)
            bytes += track->n_tokens * (hidden * 4 + sizeof(struct vkh_ppl_token_kl));
    }
    return bytes;
}

struct vkh_ppl_memory vkh_eval_memory(const struct vkh_eval *eval,
                                      const struct vkh_eval_resident *models, uint64_t comparison,
                                      uint64_t heap_bytes)
{
    struct vkh_pass_plan worst = {0};
    for (uint32_t i = 0; i < eval->n_groups; i++) {
        const struct vkh_group *group = &eval->groups[i];
        const struct vkh_track *lead = &eval->tracks[group->first_track];
        while (lead->group != i)
            lead++;
        const int index = vkh_eval_model_of(eval, lead);
        const struct vkh_pass_plan plan = plan_group(eval, group, index, &models[index]);
        worst.kv = vkh_max_size(worst.kv, plan.kv);
        worst.other = vkh_max_size(worst.other, plan.other + reference_bytes(eval, group, models));
    }
    struct vkh_ppl_memory memory = {
        .kv = worst.kv,
        .activations = worst.other + comparison,
        .device = heap_bytes,
        .kv_type = models[VKH_OWN].plan.kv.half ? "F16" : "F32",
    };
    for (int i = 0; i < VKH_N_MODELS; i++) {
        memory.weights += models[i].plan.weights;
        memory.activations += models[i].plan.activations;
    }
    memory.peak = memory.weights + memory.kv + memory.activations;
    memory.fits = memory.peak <= heap_bytes;
    return memory;
}
