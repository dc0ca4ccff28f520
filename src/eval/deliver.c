// SPDX-License-Identifier: MIT
#include "eval/deliver.h"

#include <stdlib.h>

#include "base/log.h"

enum vkh_status vkh_walk_advance(struct vkh_walk *walk, const char *name, uint32_t n)
{
    const struct vkh_ppl_options *options = walk->eval->options;
    walk->done += n;
    const struct vkh_ppl_progress progress = {
        .done = walk->done,
        .total = walk->eval->device_tokens,
        .method = name,
        .resumed = walk->resumed,
    };
    if (!options->progress || options->progress(options->user, &progress))
        return VKH_OK;
    return vkh_fail(walk->target->log, VKH_ERR_CANCELLED, "cancelled after %llu of %llu tokens",
                    (unsigned long long)progress.done, (unsigned long long)progress.total);
}

static void deliver_to(const struct vkh_eval *eval, const struct vkh_scores *scores,
                       const struct vkh_track *track)
{
    float *nll = eval->readings[track->reading].nll + track->origin;
    for (uint32_t i = 0; i < scores->n; i++) {
        const uint32_t t = scores->first + i + 1;
        if (vkh_track_scores(track, t))
            nll[t] = scores->rows[i];
    }
}

void vkh_walk_deliver(const struct vkh_walk *walk, const struct vkh_tracks *tracks,
                      const struct vkh_scores *scores)
{
    for (uint32_t i = 0; i < tracks->n; i++)
        if (tracks->first[i].group == tracks->group)
            deliver_to(walk->eval, scores, &tracks->first[i]);
}

float *vkh_walk_rows(const struct vkh_walk *walk, uint32_t n)
{
    float *rows = malloc(n * sizeof(*rows));
    if (!rows)
        vkh_fail(walk->target->log, VKH_ERR_MEMORY, "NLL of %u tokens: out of host memory", n);
    return rows;
}

enum vkh_status vkh_walk_skip(struct vkh_walk *walk, const char *name, uint32_t n)
{
    walk->resumed += n;
    return vkh_walk_advance(walk, name, n);
}

bool vkh_walk_is_done(const struct vkh_walk *walk, const struct vkh_part *part)
{
    return walk->resume && vkh_resume_done(walk->resume, part) == vkh_part_chunks(part);
}

enum vkh_status vkh_walk_move(struct vkh_walk *walk, const struct vkh_leg *leg)
{
    const struct vkh_group *group = &walk->eval->groups[leg->group];
    if (walk->references.first_track == group->first_track)
        return VKH_OK;
    const struct vkh_leg last = vkh_leg_last(walk->eval, leg);
    const struct vkh_part part = vkh_part_of(walk->eval, &last);
    return vkh_references_move(&walk->references, group, vkh_walk_is_done(walk, &part));
}

enum vkh_status vkh_walk_replay(struct vkh_walk *walk, const struct vkh_part *part,
                                const struct vkh_tracks *tracks, const char *name,
                                struct vkh_marks *marks)
{
    const uint32_t n = vkh_part_chunks(part);
    enum vkh_status status = vkh_references_begin(&walk->references, tracks, part->first, NULL);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++) {
        const uint32_t first = part->first + i * part->chunk;
        const uint32_t tokens = vkh_part_chunk_tokens(part, i);
        struct vkh_resumed resumed;
        bool found;
        status = vkh_resume_read(walk->resume, part, i, marks, &resumed, &found);
        if (status != VKH_OK)
            break;
        vkh_walk_deliver(walk, tracks, &(struct vkh_scores){first, tokens, resumed.nll});
        vkh_references_deliver(&walk->references, first, tokens, resumed.kl);
        status = vkh_walk_skip(walk, name, tokens);
    }
    vkh_references_end(&walk->references);
    return status;
}
