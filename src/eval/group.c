// SPDX-License-Identifier: MIT
#include "eval/group.h"

#include "base/size.h"
#include "graph/pass.h"

// Tokens, of all that the evaluation covers, which both tracks place alike.
static uint32_t common_tokens(const struct vkh_eval *eval, const struct vkh_track *a,
                              const struct vkh_track *b)
{
    return (uint32_t)vkh_schedule_common_prefix(&a->schedule, &b->schedule, vkh_eval_longest(eval));
}

// Opens a group with the first track that has none; returns whether others joined it.
static bool gather(struct vkh_eval *eval, struct vkh_track *lead, struct vkh_group *group)
{
    const struct vkh_track *end = eval->tracks + eval->n_tracks;
    const uint32_t least = (uint32_t)vkh_min_size(VKH_KEY_TILE, vkh_eval_longest(eval));
    bool shared = false;
    for (struct vkh_track *track = lead + 1; track < end && !eval->options->separate; track++) {
        const uint32_t common = track->group == UINT32_MAX ? common_tokens(eval, lead, track) : 0;
        if (common < least)
            continue;
        shared = true;
        track->group = lead->group;
        group->longest = (uint32_t)vkh_max_size(group->longest, track->n_tokens);
        group->prefix_tokens = (uint32_t)vkh_min_size(group->prefix_tokens, common);
    }
    return shared;
}

void vkh_eval_group(struct vkh_eval *eval)
{
    for (uint32_t i = 0; i < eval->n_tracks; i++)
        eval->tracks[i].group = UINT32_MAX;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        struct vkh_track *lead = &eval->tracks[i];
        if (lead->group != UINT32_MAX)
            continue;
        lead->group = eval->n_groups++;
        struct vkh_group *group = &eval->groups[lead->group];
        *group = (struct vkh_group){.prefix_tokens = UINT32_MAX, .longest = lead->n_tokens};
        if (!gather(eval, lead, group))
            group->prefix_tokens = 0;
        else if (group->prefix_tokens >= group->longest)
            group->prefix_tokens = group->longest;
        else
            group->prefix_tokens -= group->prefix_tokens % VKH_KEY_TILE;
    }
    for (uint32_t i = 0; i < eval->n_groups; i++)
        eval->device_tokens += eval->groups[i].prefix_tokens;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const uint32_t shared = eval->groups[track->group].prefix_tokens;
        eval->device_tokens += track->n_tokens > shared ? track->n_tokens - shared : 0;
    }
}
