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

static uint64_t rows_bytes(const struct vkh_eval *eval, const struct vkh_walk_target *target,
                           const struct vkh_track *track)
{
    const struct vkh_graph *graph = target->graphs[vkh_eval_model_of(eval, track)];
    return (uint64_t)track->n_tokens * vkh_graph_hidden_size(graph) * 4;
}

uint64_t vkh_references_origin_bytes(const struct vkh_eval *eval,
                                     const struct vkh_walk_target *target,
                                     const struct vkh_group *group, uint32_t *n)
{
    uint64_t bytes = 0;
    *n = 0;
    for (uint32_t i = group->first_track; i < group->first_track + group->n_tracks; i++) {
        if (eval->tracks[i].reference != i)
            continue;
        bytes += rows_bytes(eval, target, &eval->tracks[i]);
        ++*n;
    }
    return bytes;
}

enum vkh_status vkh_references_move(struct vkh_references *references,
                                    const struct vkh_group *group, bool done)
{
    const struct vkh_eval *eval = references->eval;
    const struct vkh_walk_target *target = references->target;
    enum vkh_status status = VKH_OK;
    uint64_t before = 0;
    release_rows(references);
    references->first_track = group->first_track;
    for (uint32_t i = 0; i < group->n_tracks && status == VKH_OK; i++) {
        const struct vkh_track *track = &eval->tracks[group->first_track + i];
        if (track->reference != group->first_track + i)
            continue;
        struct vkh_reference *item = &references->items[references->n++];
        const uint64_t bytes = rows_bytes(eval, target, track);
        *item = (struct vkh_reference){.track = track, .before = before};
        before += bytes;
        if (!done)
            status = vkh_buffer_create(target->device, "the reference's rows", bytes,
                                       VKH_MEMORY_DEVICE, &item->rows);
    }
    return status;
}

// Whether a track is compared with the rows by a part that does not make them for both.
static bool is_compared(const struct vkh_references *references, const struct vkh_track *track,
                        const struct vkh_reference *item)
{
    const struct vkh_group *group = &references->eval->groups[track->group];
    return track->group == references->tracks.group && track != item->track &&
           track->reference == index_of(references, item->track) &&
           (track->group != item->track->group || references->first_token >= group->prefix_tokens);
}

enum vkh_status vkh_references_begin(struct vkh_references *references,
                                     const struct vkh_tracks *tracks, uint32_t first_token,
                                     const struct vkh_pass *pass)
{
    enum vkh_status status = VKH_OK;
    references->tracks = *tracks;
    references->first_token = first_token;
    for (uint32_t i = 0; i < references->n && status == VKH_OK; i++) {
        struct vkh_reference *item = &references->items[i];
        for (uint32_t j = 0; j < tracks->n; j++) {
            const struct vkh_track *track = &tracks->first[j];
            item->made |= track == item->track && track->group == tracks->group;
            item->compared |= is_compared(references, track, item);
        }
        if (!item->compared || !pass)
            continue;
        // Of a pass for several lengths, what the reference reaches.
        const uint64_t n = vkh_min_size(pass->n_tokens, item->track->n_tokens - first_token);
        status =
            vkh_buffer_create(references->target->device, "divergences",
                              n * sizeof(struct vkh_ppl_token_kl), VKH_MEMORY_DEVICE, &item->kl);
    }
    return status;
}

void vkh_references_end(struct vkh_references *references)
{
    for (uint32_t i = 0; i < references->n; i++) {
        references->items[i].made = references->items[i].compared = false;
        vkh_buffer_destroy(&references->items[i].kl);
    }
}

struct tokens {
    uint32_t first, n;
};

// Those of [token, token + n) that the item reaches.
static struct tokens reached(const struct vkh_reference *item, uint32_t token, uint32_t n)
{
    const uint32_t end = item->track->n_tokens;
    return (struct tokens){token, token < end ? (uint32_t)vkh_min_size(n, end - token) : 0};
}

// And of these the ones that are compared with it: the tracks of a window score alike, and what
// comes before is nobody's.
static struct tokens compared(const struct vkh_reference *item, uint32_t token, uint32_t n)
{
    const uint32_t from = (item->track->scored_from - 1) / VKH_KEY_TILE * VKH_KEY_TILE;
    const uint32_t skip = token < from ? from - token : 0;
    const struct tokens all = reached(item, token, n);
    return item->compared && skip < all.n ? (struct tokens){token + skip, all.n - skip}
                                          : (struct tokens){token, 0};
}

static struct vkh_range rows_of(const struct vkh_reference *item, struct tokens tokens)
{
    const uint64_t row = vkh_buffer_size(item->rows) / item->track->n_tokens;
    return vkh_range(item->rows, tokens.first * row, tokens.n * row);
}

static struct vkh_range divergences_of(const struct vkh_references *references,
                                       const struct vkh_reference *item, struct tokens tokens)
{
    const uint64_t bytes = sizeof(struct vkh_ppl_token_kl);
    return vkh_range(item->kl, (tokens.first - references->first_token) * bytes, tokens.n * bytes);
}

void vkh_references_record(const struct vkh_references *references, const struct vkh_pass *pass,
                           struct vkh_range residual, uint32_t from, uint32_t n)
{
    const uint32_t token = pass->first_token + from;
    const uint64_t row = residual.size / n;
    for (uint32_t i = 0; i < references->n; i++) {
        const struct vkh_reference *item = &references->items[i];
        const struct tokens known = reached(item, token, n), scored = compared(item, token, n);
        if (item->made && known.n)
            vkh_cmd_copy(vkh_stream_cmd(references->target->stream),
                         vkh_range(residual.buffer, residual.offset, known.n * row),
                         rows_of(item, known));
        if (!scored.n)
            continue;
        const struct vkh_comparison_args args = {
            .p = rows_of(item, scored),
            .q = vkh_range(residual.buffer, residual.offset + (scored.first - token) * row,
                           scored.n * row),
            .targets = vkh_range(pass->targets, (uint64_t)(scored.first - pass->first_token) * 4,
                                 (uint64_t)scored.n * 4),
            .out = divergences_of(references, item, scored),
            .n = scored.n,
        };
        vkh_comparison_record(&references->comparison, references->target->stream, &args);
    }
}

// Token t tells of token t + 1.
static void deliver(const struct vkh_references *references, const struct vkh_reference *item,
                    struct tokens tokens, const struct vkh_ppl_token_kl *rows)
{
    for (uint32_t j = 0; j < references->tracks.n; j++) {
        const struct vkh_track *track = &references->tracks.first[j];
        if (!is_compared(references, track, item))
            continue;
        struct vkh_ppl_token_kl *kl = references->eval->readings[track->reading].kl + track->origin;
        for (uint32_t i = 0; i < tokens.n; i++)
            if (vkh_track_scores(track, tokens.first + i + 1))
                kl[tokens.first + i + 1] = rows[i];
    }
}

enum vkh_status vkh_references_read(const struct vkh_references *references,
                                    const struct vkh_pass *pass)
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
        if (status == VKH_OK)
            deliver(references, item, reached(item, pass->first_token, pass->n_tokens), rows);
    }
    free(rows);
    return status;
}

uint64_t vkh_references_count(const struct vkh_references *references, uint32_t token, uint32_t n)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < references->n; i++)
        count += compared(&references->items[i], token, n).n;
    return count;
}

void vkh_references_copy(const struct vkh_references *references, struct vkh_cmd *cmd,
                         uint32_t token, uint32_t n, struct vkh_range of_host,
                         enum vkh_snapshot_way way)
{
    uint64_t at = of_host.offset;
    for (uint32_t i = 0; i < references->n; i++) {
        const struct vkh_reference *item = &references->items[i];
        const struct tokens scored = compared(item, token, n);
        if (!scored.n)
            continue;
        const struct vkh_range kl = divergences_of(references, item, scored);
        vkh_snapshot_copy(cmd, kl, vkh_range(of_host.buffer, at, kl.size), way);
        at += kl.size;
    }
}

void vkh_references_deliver(const struct vkh_references *references, uint32_t token, uint32_t n,
                            const struct vkh_ppl_token_kl *kl)
{
    for (uint32_t i = 0; i < references->n; i++) {
        const struct tokens scored = compared(&references->items[i], token, n);
        deliver(references, &references->items[i], scored, kl);
        kl += scored.n;
    }
}

// Of the references that the part makes, which have the same rows as far as they reach, the
// longest; NULL: it makes none, or none that is needed.
static const struct vkh_reference *longest_made(const struct vkh_references *references)
{
    const struct vkh_reference *longest = NULL;
    for (uint32_t i = 0; i < references->n; i++) {
        const struct vkh_reference *item = &references->items[i];
        if (item->made && item->rows &&
            (!longest || item->track->n_tokens > longest->track->n_tokens))
            longest = item;
    }
    return longest;
}

bool vkh_references_made(const struct vkh_references *references)
{
    return longest_made(references);
}

struct vkh_rows_place vkh_references_rows(const struct vkh_references *references, uint32_t token,
                                          uint32_t n)
{
    const struct vkh_reference *item = longest_made(references);
    const struct tokens known = item ? reached(item, token, n) : (struct tokens){0};
    if (!known.n)
        return (struct vkh_rows_place){0};
    const struct vkh_range rows = rows_of(item, known);
    return (struct vkh_rows_place){item->before + rows.offset, rows.size};
}

void vkh_references_copy_rows(const struct vkh_references *references, struct vkh_cmd *cmd,
                              uint32_t token, uint32_t n, const struct vkh_buffer *of_host,
                              enum vkh_snapshot_way way)
{
    for (uint32_t i = 0; i < references->n; i++) {
        const struct vkh_reference *item = &references->items[i];
        const struct tokens known = reached(item, token, n);
        if (!item->made || !item->rows || !known.n ||
            (way == VKH_SNAPSHOT_TAKE && item != longest_made(references)))
            continue;
        const struct vkh_range rows = rows_of(item, known);
        vkh_snapshot_copy(cmd, rows, vkh_range(of_host, 0, rows.size), way);
    }
}
