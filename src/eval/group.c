// SPDX-License-Identifier: MIT
#include "eval/group.h"

#include "base/size.h"
#include "graph/pass.h"

// The tracks from one origin: [first, end), the longest of which has `longest` tokens.
struct origin {
    uint32_t first, end, longest;
};

static struct origin origin_of(const struct vkh_eval *eval, uint32_t first)
{
    const struct vkh_track *lead = &eval->tracks[first];
    struct origin origin = {first, first, 0};
    while (origin.end < eval->n_tracks) {
        const struct vkh_track *track = &eval->tracks[origin.end];
        if (track->origin != lead->origin ||
            vkh_eval_text_of(eval, track) != vkh_eval_text_of(eval, lead))
            break;
        origin.longest = (uint32_t)vkh_max_size(origin.longest, track->n_tokens);
        origin.end++;
    }
    return origin;
}

// Whether a track may be in the group that `lead` opens: of the same model, and not before its
// reference.
static bool may_join(const struct vkh_eval *eval, uint32_t lead, uint32_t track)
{
    const uint32_t reference = eval->tracks[track].reference;
    if (vkh_eval_model_of(eval, &eval->tracks[lead]) !=
        vkh_eval_model_of(eval, &eval->tracks[track]))
        return false;
    return reference == VKH_NONE || reference == track ||
           eval->tracks[reference].group != UINT32_MAX;
}

// Opens a group with the first track that has none; returns whether others joined it.
static bool gather(struct vkh_eval *eval, const struct origin *origin, uint32_t lead,
                   struct vkh_group *group)
{
    const uint32_t least = (uint32_t)vkh_min_size(VKH_KEY_TILE, origin->longest);
    bool shared = false;
    for (uint32_t i = lead + 1; i < origin->end && !eval->options->separate; i++) {
        struct vkh_track *track = &eval->tracks[i];
        if (track->group != UINT32_MAX || !may_join(eval, lead, i))
            continue;
        const uint64_t common = vkh_schedule_common_prefix(eval->tracks[lead].schedule,
                                                           track->schedule, origin->longest);
        if (common < least)
            continue;
        shared = true;
        track->group = eval->tracks[lead].group;
        group->longest = (uint32_t)vkh_max_size(group->longest, track->n_tokens);
        group->prefix_tokens = (uint32_t)vkh_min_size(group->prefix_tokens, common);
    }
    return shared;
}

static void group_origin(struct vkh_eval *eval, const struct origin *origin)
{
    for (uint32_t i = origin->first; i < origin->end; i++)
        eval->tracks[i].group = UINT32_MAX;
    for (uint32_t i = origin->first; i < origin->end; i++) {
        struct vkh_track *lead = &eval->tracks[i];
        if (lead->group != UINT32_MAX)
            continue;
        lead->group = eval->n_groups++;
        struct vkh_group *group = &eval->groups[lead->group];
        *group = (struct vkh_group){.prefix_tokens = UINT32_MAX,
                                    .longest = lead->n_tokens,
                                    .first_track = origin->first,
                                    .n_tracks = origin->end - origin->first};
        if (!gather(eval, origin, i, group))
            group->prefix_tokens = 0;
        else if (group->prefix_tokens >= group->longest)
            group->prefix_tokens = group->longest;
        else
            group->prefix_tokens -= group->prefix_tokens % VKH_KEY_TILE;
    }
}

// A track's reference, counted from the first track of its origin.
static uint32_t reference_from(const struct vkh_track *track, uint32_t first)
{
    return track->reference == VKH_NONE ? VKH_NONE : track->reference - first;
}

// Whether two origins have the same tracks, and so the same groups.
static bool are_alike(const struct vkh_eval *eval, const struct origin *a, const struct origin *b)
{
    bool alike = a->end - a->first == b->end - b->first;
    for (uint32_t i = 0; alike && i < a->end - a->first; i++) {
        const struct vkh_track *x = &eval->tracks[a->first + i], *y = &eval->tracks[b->first + i];
        alike = x->schedule == y->schedule && x->n_tokens == y->n_tokens &&
                reference_from(x, a->first) == reference_from(y, b->first);
    }
    return alike;
}

static void copy_groups(struct vkh_eval *eval, const struct origin *from, const struct origin *to)
{
    const uint32_t first = eval->tracks[from->first].group, moved = eval->n_groups - first;
    for (uint32_t i = 0; i < to->end - to->first; i++)
        eval->tracks[to->first + i].group = eval->tracks[from->first + i].group + moved;
    for (uint32_t i = 0; i < moved; i++) {
        eval->groups[eval->n_groups] = eval->groups[first + i];
        eval->groups[eval->n_groups++].first_track = to->first;
    }
}

void vkh_eval_group(struct vkh_eval *eval)
{
    struct origin origin, last = {0};
    for (uint32_t first = 0; first < eval->n_tracks; first = origin.end) {
        origin = origin_of(eval, first);
        if (first > 0 && are_alike(eval, &last, &origin))
            copy_groups(eval, &last, &origin);
        else
            group_origin(eval, &origin);
        last = origin;
    }
    for (uint32_t i = 0; i < eval->n_groups; i++)
        eval->device_tokens += eval->groups[i].prefix_tokens;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const uint32_t shared = eval->groups[track->group].prefix_tokens;
        eval->device_tokens += track->n_tokens > shared ? track->n_tokens - shared : 0;
    }
}
