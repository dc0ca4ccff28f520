// SPDX-License-Identifier: MIT
#include "eval/memory.h"

#include "base/log.h"
#include "base/size.h"
#include "eval/legs.h"

const char *vkh_ppl_walk_name(enum vkh_ppl_walk walk)
{
    static const char *const names[VKH_WALKS] = {[VKH_WALK_CHUNKS] = "chunks",
                                                 [VKH_WALK_LAYERS] = "layers",
                                                 [VKH_WALK_STREAMED] = "streamed"};
    return (unsigned)walk < VKH_WALKS ? names[walk] : "";
}

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

static struct vkh_ppl_memory memory_of(const struct vkh_eval_resident *models, uint64_t kv,
                                       uint64_t other, uint64_t limit)
{
    const struct vkh_graph_plan *own = &models[VKH_OWN].plan;
    struct vkh_ppl_memory memory = {
        .kv = kv,
        .activations = other,
        .limit = limit,
        .kv_type = vkh_kv_type_name(&own->kv),
        .walk = own->walk,
        .chunk = own->chunk,
        .batches = 1,
    };
    for (int i = 0; i < VKH_N_MODELS; i++) {
        const uint64_t loading = models[i].plan.loading; // before there are keys and values
        if (loading > kv)
            memory.activations = vkh_max_size(memory.activations, loading - kv);
    }
    for (int i = 0; i < VKH_N_MODELS; i++) {
        memory.weights += models[i].plan.weights;
        memory.activations += models[i].plan.activations;
    }
    memory.peak = memory.weights + memory.kv + memory.activations;
    memory.fits = memory.peak <= limit;
    return memory;
}

struct vkh_ppl_memory vkh_eval_memory(const struct vkh_eval *eval,
                                      const struct vkh_eval_resident *models, uint64_t comparison,
                                      uint64_t limit)
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
    return memory_of(models, worst.kv, worst.other + comparison, limit);
}

static uint64_t most_reference_bytes(const struct vkh_eval *eval,
                                     const struct vkh_eval_resident models[VKH_N_MODELS])
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < eval->n_groups; i++)
        most = vkh_max_size(most, reference_bytes(eval, &eval->groups[i], models));
    return most;
}

// Of one of a model's layers: room for the longest prefix and for the longest that follows one.
static uint64_t layer_kv(const struct vkh_eval *eval, int model, const struct vkh_kv_shape *shape)
{
    uint64_t prefix = 0, own = 0;
    struct vkh_leg leg;
    for (bool more = vkh_leg_first(eval, &leg); more; more = vkh_leg_next(eval, &leg)) {
        uint64_t *most = leg.track == VKH_NONE ? &prefix : &own;
        if (vkh_leg_model(eval, &leg) == model)
            *most = vkh_max_size(*most, vkh_pass_plan(shape, 1, leg.n).kv);
    }
    return prefix + own;
}

static enum vkh_status check_rows(const struct vkh_eval *eval,
                                  const struct vkh_eval_resident models[VKH_N_MODELS],
                                  const struct vkh_caps *caps, const struct vkh_log *log)
{
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const uint64_t row = models[vkh_eval_model_of(eval, track)].hidden * UINT64_C(4);
        if (track->reference == i && track->n_tokens > caps->max_allocation / row)
            return vkh_fail(log, VKH_ERR_DEVICE_MEMORY,
                            "%u tokens: the rows of what is compared with take %llu bytes, the "
                            "device allocates at most %llu at once: shorter lengths take less",
                            track->n_tokens, (unsigned long long)(track->n_tokens * row),
                            (unsigned long long)caps->max_allocation);
    }
    return VKH_OK;
}

enum vkh_status vkh_eval_check_buffers(const struct vkh_eval *eval,
                                       const struct vkh_eval_resident models[VKH_N_MODELS],
                                       const struct vkh_caps *caps, const struct vkh_log *log)
{
    uint32_t longest[VKH_N_MODELS] = {0};
    struct vkh_leg leg;
    for (bool more = vkh_leg_first(eval, &leg); more; more = vkh_leg_next(eval, &leg)) {
        uint32_t *n = &longest[vkh_leg_model(eval, &leg)];
        *n = (uint32_t)vkh_max_size(*n, leg.n);
    }
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_N_MODELS && status == VKH_OK; i++)
        if (longest[i])
            status = vkh_pass_check_kv(caps, &models[i].plan.kv, longest[i], log);
    return status == VKH_OK ? check_rows(eval, models, caps, log) : status;
}

struct vkh_ppl_memory vkh_eval_memory_by_layers(const struct vkh_eval *eval,
                                                const struct vkh_eval_resident *models,
                                                uint64_t comparison, uint64_t limit, uint64_t *room)
{
    const uint64_t compared = comparison + most_reference_bytes(eval, models);
    uint64_t kv = 0, fixed = compared;
    for (int i = 0; i < VKH_N_MODELS; i++) {
        kv += layer_kv(eval, i, &models[i].plan.kv);
        fixed += models[i].plan.weights + models[i].plan.activations;
    }
    fixed += kv;
    struct vkh_batch batch = {0};
    uint64_t most = 0;
    uint32_t n = 0;
    *room = vkh_max_size(limit > fixed ? limit - fixed : 0, vkh_batch_least(eval, models));
    if (!vkh_leg_first(eval, &batch.next))
        return memory_of(models, kv, compared, limit);
    for (; !batch.last; n++) {
        batch = vkh_batch_take(eval, models, &batch.next, *room);
        most = vkh_max_size(most, batch.bytes);
    }
    struct vkh_ppl_memory memory = memory_of(models, kv, most + compared, limit);
    memory.batches = n;
    return memory;
}
