// SPDX-License-Identifier: MIT
#include "eval/legs.h"

#include "base/size.h"

// The first of the group's tracks from `track` on that goes beyond its prefix.
static bool find_track(const struct vkh_eval *eval, struct vkh_leg *leg, uint32_t track)
{
    const struct vkh_group *group = &eval->groups[leg->group];
    for (uint32_t i = track; i < group->first_track + group->n_tracks; i++) {
        if (eval->tracks[i].group != leg->group || eval->tracks[i].n_tokens <= group->prefix_tokens)
            continue;
        leg->track = i;
        leg->first = group->prefix_tokens;
        leg->n = eval->tracks[i].n_tokens - leg->first;
        return true;
    }
    return false;
}

static bool open_group(const struct vkh_eval *eval, struct vkh_leg *leg, uint32_t index)
{
    for (leg->group = index; leg->group < eval->n_groups; leg->group++) {
        const struct vkh_group *group = &eval->groups[leg->group];
        if (group->prefix_tokens) {
            leg->track = VKH_NONE;
            leg->first = 0;
            leg->n = group->prefix_tokens;
            return true;
        }
        if (find_track(eval, leg, group->first_track))
            return true;
    }
    return false;
}

bool vkh_leg_first(const struct vkh_eval *eval, struct vkh_leg *leg)
{
    *leg = (struct vkh_leg){0};
    return open_group(eval, leg, 0);
}

bool vkh_leg_next(const struct vkh_eval *eval, struct vkh_leg *leg)
{
    const uint32_t next =
        leg->track == VKH_NONE ? eval->groups[leg->group].first_track : leg->track + 1;
    leg->index++;
    return find_track(eval, leg, next) || open_group(eval, leg, leg->group + 1);
}

struct vkh_leg vkh_leg_last(const struct vkh_eval *eval, const struct vkh_leg *leg)
{
    struct vkh_leg last = *leg, next = *leg;
    while (vkh_leg_next(eval, &next) &&
           eval->groups[next.group].first_track == eval->groups[leg->group].first_track)
        last = next;
    return last;
}

int vkh_leg_model(const struct vkh_eval *eval, const struct vkh_leg *leg)
{
    uint32_t track = leg->track == VKH_NONE ? eval->groups[leg->group].first_track : leg->track;
    while (eval->tracks[track].group != leg->group)
        track++;
    return vkh_eval_model_of(eval, &eval->tracks[track]);
}

// Of n tokens of the leg's model.
static uint64_t pass_bytes(const struct vkh_eval *eval, const struct vkh_eval_resident *models,
                           const struct vkh_leg *leg, uint32_t n)
{
    const int index = vkh_leg_model(eval, leg);
    const struct vkh_eval_resident *model = &models[index];
    const struct vkh_rope_setting *rope = &eval->ropes[index];
    const uint64_t tables = rope->local_base > 0 ? 2 : 1;
    if (n == 0)
        return 0;
    return vkh_round_up(n, VKH_KEY_TILE) * model->hidden * 4 +
           vkh_pass_plan(&model->plan.kv, 0, n).other + tables * 8 * (rope->dims / 2);
}

static uint32_t prefix_before(const struct vkh_eval *eval, const struct vkh_leg *leg)
{
    return leg->track == VKH_NONE ? 0 : eval->groups[leg->group].prefix_tokens;
}

struct vkh_batch vkh_batch_take(const struct vkh_eval *eval, const struct vkh_eval_resident *models,
                                const struct vkh_leg *first, uint64_t room)
{
    struct vkh_batch batch = {.first = *first, .next = *first, .again = prefix_before(eval, first)};
    batch.bytes = pass_bytes(eval, models, first, batch.again);
    while (!batch.last) {
        struct vkh_leg after = batch.next;
        const bool more = vkh_leg_next(eval, &after);
        const uint64_t bytes = pass_bytes(eval, models, &batch.next, batch.next.n);
        uint64_t needed = bytes;
        if (batch.next.track == VKH_NONE && more && after.group == batch.next.group)
            needed += pass_bytes(eval, models, &after, after.n);
        if (batch.n_legs > 0 && (batch.bytes + needed > room ||
                                 vkh_leg_model(eval, &batch.next) != vkh_leg_model(eval, first)))
            break;
        batch.bytes += bytes;
        batch.n_legs++;
        batch.last = !more;
        batch.next = after;
    }
    return batch;
}

uint64_t vkh_batch_least(const struct vkh_eval *eval, const struct vkh_eval_resident *models)
{
    struct vkh_leg leg;
    uint64_t least = 0;
    for (bool more = vkh_leg_first(eval, &leg); more; more = vkh_leg_next(eval, &leg))
        least = vkh_max_size(least, pass_bytes(eval, models, &leg, prefix_before(eval, &leg)) +
                                        pass_bytes(eval, models, &leg, leg.n));
    return least;
}
