// SPDX-License-Identifier: MIT
#include "eval/references.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/stream.h"

static uint32_t index_of(const struct vkh_references *references, const struct vkh_track *track)
{
    return (uint32_t)(track - references->eval->tracks);
}

enum vkh_status vkh_references_init(struct vkh_references *references, struct vkh_eval *eval,
                                    const struct vkh_walk_target *target)
{
    *references = (struct vkh_references){.eval = eval, .target = target, .first_track = VKH_NONE};
    if (eval->reference == VKH_NONE)
        return VKH_OK;
    references->items = calloc(eval->n_lengths, sizeof(*references->items));
    if (!references->items)
        return vkh_fail(target->log, VKH_ERR_MEMORY, "KL divergence: out of host memory");
    return vkh_comparison_create(target->device,
                                 target->graphs[vkh_eval_model(eval, eval->reference)],
                                 target->graphs[VKH_OWN], &references->comparison);
}

static void release_rows(struct vkh_references *references)
{
    for (uint32_t i = 0; i < references->n; i++)
        vkh_buffer_destroy(&references->items[i].rows);
    references->n = 0;
}

void vkh_references_fini(struct vkh_references *references)
{
    release_rows(references);
    free(references->items);
    vkh_comparison_destroy(&references->comparison);
}

enum vkh_status vkh_references_move(struct vkh_references *references,
                                    const struct vkh_group *group)
{
    const struct vkh_eval *eval = references->eval;
    const struct vkh_walk_target *target = references->target;
    enum vkh_status status = VKH_OK;
    if (eval->reference == VKH_NONE || references->first_track == group->first_track)
        return VKH_OK;
    release_rows(references);
    references->first_track = group->first_track;
    for (uint32_t i = 0; i < group->n_tracks && status == VKH_OK; i++) {
        const struct vkh_track *track = &eval->tracks[group->first_track + i];
        if (track->reference != group->first_track + i)
            continue;
        struct vkh_reference *item = &references->items[references->n++];
        const struct vkh_graph *graph = target->graphs[vkh_eval_model_of(eval, track)];
        *item = (struct vkh_reference){.track = track};
        status = vkh_buffer_create(target->device, "the reference's rows",
                                   (uint64_t)track->n_tokens * vkh_graph_hidden_size(graph) * 4,
                                   VKH_MEMORY_DEVICE, &item->rows);
    }
    return status;
}

// Whether a track is compared with the rows by a pass that does not make them for both.
static bool is_compared(const struct vkh_references *references, const struct vkh_track *track,
                        const struct vkh_reference *item, const struct vkh_pass *pass)
{
    const struct vkh_group *group = &references->eval->groups[track->group];
    return track != item->track && track->reference == index_of(references, item->track) &&
           (track->group != item->track->group || pass->first_token >= group->prefix_tokens);
}

enum vkh_status vkh_references_begin(struct vkh_references *references, const struct vkh_pass *pass,
                                     const struct vkh_tracks *tracks)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < references->n && status == VKH_OK; i++) {
        struct vkh_reference *item = &references->items[i];
        bool compared = false;
        for (uint32_t j = 0; j < tracks->n; j++) {
            const struct vkh_track *track = &tracks->first[j];
            if (track->group != tracks->group)
                continue;
            item->made |= track == item->track;
            compared |= is_compared(references, track, item, pass);
        }
        if (!compared)
            continue;
        // Of a pass for several lengths, what the reference reaches.
        const uint64_t n = vkh_min_size(pass->n_tokens, item->track->n_tokens - pass->first_token);
        status =
            vkh_buffer_create(references->target->device, "divergences",
                              n * sizeof(struct vkh_ppl_token_kl), VKH_MEMORY_DEVICE, &item->kl);
    }
    return status;
}

void vkh_references_end(struct vkh_references *references)
{
    for (uint32_t i = 0; i < references->n; i++) {
        references->items[i].made = false;
        vkh_buffer_destroy(&references->items[i].kl);
    }
}

// The last of `n` rows, all but so many.
static struct vkh_range without(struct vkh_range rows, uint32_t n, uint32_t skip)
{
    const uint64_t bytes = rows.size / n * skip;
    return vkh_range(rows.buffer, rows.offset + bytes, rows.size - bytes);
}

static void compare(const struct vkh_references *references, const struct vkh_reference *item,
                    const struct vkh_pass *pass, struct vkh_range p, struct vkh_range q,
                    uint32_t from, uint32_t n)
{
    // The tracks of a window score alike; what comes before is nobody's.
    const uint32_t first = (item->track->scored_from - 1) / VKH_KEY_TILE * VKH_KEY_TILE;
    const uint32_t token = pass->first_token + from, skip = token < first ? first - token : 0;
    const uint64_t bytes = sizeof(struct vkh_ppl_token_kl);
    if (skip >= n)
        return;
    const uint64_t at = (uint64_t)from + skip, left = n - skip;
    vkh_comparison_record(&references->comparison, references->target->stream,
                          &(struct vkh_comparison_args){
                              .p = without(p, n, skip),
                              .q = without(q, n, skip),
                              .targets = vkh_range(pass->targets, at * 4, left * 4),
                              .out = vkh_range(item->kl, at * bytes, left * bytes),
                              .n = n - skip,
                          });
}

void vkh_references_record(const struct vkh_references *references, const struct vkh_pass *pass,
                           struct vkh_range residual, uint32_t from, uint32_t n)
{
    const uint32_t token = pass->first_token + from;
    for (uint32_t i = 0; i < references->n; i++) {
        const struct vkh_reference *item = &references->items[i];
        if (token >= item->track->n_tokens)
            continue;
        const uint32_t known = (uint32_t)vkh_min_size(n, item->track->n_tokens - token);
        const uint64_t row = vkh_buffer_size(item->rows) / item->track->n_tokens;
        const struct vkh_range rows = vkh_range(item->rows, token * row, known * row);
        const struct vkh_range own =
            vkh_range(residual.buffer, residual.offset, residual.size / n * known);
        if (item->made)
            vkh_cmd_copy(vkh_stream_cmd(references->target->stream), own, rows);
        if (item->kl)
            compare(references, item, pass, rows, own, from, known);
    }
}

// Token i of the pass tells of token i + 1.
static void deliver(const struct vkh_references *references, const struct vkh_pass *pass,
                    const struct vkh_ppl_token_kl *rows, const struct vkh_track *track)
{
    struct vkh_ppl_token_kl *kl = references->eval->readings[track->reading].kl + track->origin;
    for (uint32_t i = 0; i < pass->n_tokens; i++) {
        const uint32_t t = pass->first_token + i + 1;
        if (vkh_track_scores(track, t))
            kl[t] = rows[i];
    }
}

enum vkh_status vkh_references_read(const struct vkh_references *references,
                                    const struct vkh_pass *pass, const struct vkh_tracks *tracks)
{
    const struct vkh_walk_target *target = references->target;
    struct vkh_ppl_token_kl *rows = malloc(pass->n_tokens * sizeof(*rows));
    enum vkh_status status = VKH_OK;
    if (!rows)
        return vkh_fail(target->log, VKH_ERR_MEMORY,
                        "KL divergence of %u tokens: out of host memory", pass->n_tokens);
    for (uint32_t i = 0; i < references->n && status == VKH_OK; i++) {
        const struct vkh_reference *item = &references->items[i];
        if (!item->kl)
            continue;
        status = vkh_stream_read(target->stream, rows, vkh_range_all(item->kl));
        for (uint32_t j = 0; j < tracks->n && status == VKH_OK; j++)
            if (tracks->first[j].group == tracks->group &&
                is_compared(references, &tracks->first[j], item, pass))
                deliver(references, pass, rows, &tracks->first[j]);
    }
    free(rows);
    return status;
}
