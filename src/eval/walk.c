// SPDX-License-Identifier: MIT
#include "eval/walk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "eval/layers.h"
#include "eval/span.h"
#include "gpu/stream.h"

struct walk {
    struct vkh_walk common;
    struct vkh_leg leg; // the next
};

// A pass on its way through the layers.
struct run {
    struct walk *walk;
    struct vkh_graph *graph;
    struct vkh_part part;
    const struct vkh_pass *prefix, *pass;
    struct vkh_tracks tracks; // that it serves
    const char *name;
    double began;
    struct vkh_marks *marks;
    uint64_t tickets[VKH_QUEUED_CHUNKS]; // of the latest chunks
};

static enum vkh_status submit_chunk(struct run *run, uint32_t index)
{
    const struct walk *walk = run->walk;
    struct vkh_stream *stream = walk->common.target->stream;
    const uint32_t from = index * run->part.chunk, n = vkh_part_chunk_tokens(&run->part, index);
    vkh_graph_record(run->graph, stream, run->prefix, run->pass, from, n);
    vkh_references_record(&walk->common.references, run->pass, vkh_graph_residual(run->graph, 0, n),
                          from, n);
    if (walk->common.resume)
        vkh_resume_record(walk->common.resume, &run->part, run->pass, index);
    return vkh_stream_submit(stream, &run->tickets[index % VKH_QUEUED_CHUNKS]);
}

static enum vkh_status await_chunk(struct run *run, uint32_t index)
{
    enum vkh_status status =
        vkh_stream_wait(run->walk->common.target->stream, run->tickets[index % VKH_QUEUED_CHUNKS]);
    if (status != VKH_OK)
        return status;
    run->marks->seconds[index] = vkh_clock() - run->began;
    if (run->walk->common.resume) // while the device is at the next chunk
        status = vkh_resume_keep(run->walk->common.resume, &run->part, index, run->marks);
    return status == VKH_OK ? vkh_walk_advance(&run->walk->common, run->name,
                                               vkh_part_chunk_tokens(&run->part, index))
                            : status;
}

// Gives the pass what an earlier run did of it: *n chunks.
static enum vkh_status take_up(struct run *run, uint32_t *n)
{
    *n = 0;
    if (!run->walk->common.resume)
        return VKH_OK;
    const enum vkh_status status =
        vkh_resume_give(run->walk->common.resume, &run->part, run->pass, run->marks, n);
    if (status != VKH_OK || *n == 0)
        return status;
    run->began = vkh_clock() - run->marks->seconds[*n - 1];
    const uint64_t tokens = vkh_min_size((uint64_t)*n * run->part.chunk, run->part.n_tokens);
    return vkh_walk_skip(&run->walk->common, run->name, (uint32_t)tokens);
}

// The stream is finished when it returns, whatever the status.
static enum vkh_status run_chunks(struct run *run)
{
    const uint32_t n = vkh_part_chunks(&run->part);
    uint32_t first;
    enum vkh_status status = take_up(run, &first);
    for (uint32_t i = first; i < n && status == VKH_OK; i++) {
        if (i - first >= VKH_QUEUED_CHUNKS)
            status = await_chunk(run, i - VKH_QUEUED_CHUNKS);
        if (status == VKH_OK)
            status = submit_chunk(run, i);
    }
    const uint32_t queued = (uint32_t)vkh_min_size(n - first, VKH_QUEUED_CHUNKS);
    for (uint32_t i = n - queued; i < n && status == VKH_OK; i++)
        status = await_chunk(run, i);
    const enum vkh_status finished = vkh_stream_finish(run->walk->common.target->stream);
    return status != VKH_OK ? status : finished;
}

static enum vkh_status read_rows(const struct run *run)
{
    const struct vkh_pass *pass = run->pass;
    float *rows = vkh_walk_rows(&run->walk->common, pass->n_tokens);
    if (!rows)
        return VKH_ERR_MEMORY;
    const enum vkh_status status = vkh_pass_read(pass, run->walk->common.target->stream, rows);
    if (status == VKH_OK)
        vkh_walk_deliver(&run->walk->common, &run->tracks,
                         &(struct vkh_scores){pass->first_token, pass->n_tokens, rows});
    free(rows);
    return status;
}

// From the span's inputs to the results of the tracks that it serves; leaves the pass, for others
// may go on from it.
static enum vkh_status run_pass(struct run *run, const struct vkh_span *span, struct vkh_pass *pass)
{
    const struct vkh_walk_target *target = run->walk->common.target;
    struct vkh_references *references = &run->walk->common.references;
    run->pass = pass;
    run->graph = target->graphs[vkh_eval_model_of(run->walk->common.eval, span->track)];
    enum vkh_status status = vkh_span_create_pass(span, run->walk->common.eval, target, NULL, pass);
    if (status == VKH_OK)
        status = vkh_references_begin(references, &run->tracks, pass->first_token, pass);
    if (status == VKH_OK)
        status = run_chunks(run);
    if (status == VKH_OK)
        status = read_rows(run);
    if (status == VKH_OK)
        status = vkh_references_read(references, pass);
    vkh_references_end(references);
    return status;
}

// The next leg, which is then another.
static struct vkh_part take_part(struct walk *walk)
{
    const struct vkh_part part = vkh_part_of(walk->common.eval, &walk->leg);
    vkh_leg_next(walk->common.eval, &walk->leg);
    return part;
}

// Whether an earlier run did all of the group that the next leg begins.
static bool is_group_done(const struct walk *walk)
{
    struct vkh_leg last = walk->leg, next = walk->leg;
    while (vkh_leg_next(walk->common.eval, &next) && next.group == last.group)
        last = next;
    const struct vkh_part part = vkh_part_of(walk->common.eval, &last);
    return vkh_walk_is_done(&walk->common, &part);
}

static enum vkh_status replay(struct run *run)
{
    return vkh_walk_replay(&run->walk->common, &run->part, &run->tracks, run->name, run->marks);
}

static enum vkh_status run_prefix(struct walk *walk, uint32_t index, struct vkh_pass *pass)
{
    struct vkh_eval *eval = walk->common.eval;
    struct vkh_group *group = &eval->groups[index];
    const struct vkh_track *tracks = eval->tracks + group->first_track;
    const bool done = is_group_done(walk);
    struct run run = {
        .walk = walk,
        .part = take_part(walk),
        .tracks = {tracks, group->n_tracks, index},
        .name = "shared prefix",
        .began = vkh_clock(),
        .marks = &group->marks,
    };
    if (done)
        return replay(&run);
    struct vkh_span span = {tracks, 0, group->prefix_tokens, group->longest};
    while (span.track->group != index)
        span.track++;
    return run_pass(&run, &span, pass);
}

static enum vkh_status run_track(struct walk *walk, struct vkh_track *track,
                                 const struct vkh_pass *prefix)
{
    const struct vkh_eval *eval = walk->common.eval;
    const uint32_t shared = eval->groups[track->group].prefix_tokens;
    if (track->n_tokens <= shared)
        return VKH_OK;
    const struct vkh_span span = {track, shared, track->n_tokens - shared, track->n_tokens};
    struct vkh_pass pass;
    struct run run = {
        .walk = walk,
        .part = take_part(walk),
        .prefix = shared ? prefix : NULL,
        .tracks = {track, 1, track->group},
        .name = eval->lanes[eval->readings[track->reading].lane].name,
        .began = vkh_clock(),
        .marks = &track->marks,
    };
    if (vkh_walk_is_done(&walk->common, &run.part))
        return replay(&run);
    const enum vkh_status status = run_pass(&run, &span, &pass);
    vkh_pass_destroy(&pass);
    return status;
}

static enum vkh_status run_group(struct walk *walk, uint32_t index)
{
    struct vkh_eval *eval = walk->common.eval;
    const struct vkh_group *group = &eval->groups[index];
    struct vkh_track *tracks = eval->tracks + group->first_track;
    struct vkh_pass prefix = {0};
    enum vkh_status status = vkh_walk_move(&walk->common, &walk->leg);
    if (status == VKH_OK && group->prefix_tokens)
        status = run_prefix(walk, index, &prefix);
    for (uint32_t i = 0; i < group->n_tracks && status == VKH_OK; i++)
        if (tracks[i].group == index)
            status = run_track(walk, &tracks[i], &prefix);
    vkh_pass_destroy(&prefix);
    return status;
}

static enum vkh_status run_groups(struct walk *walk)
{
    const struct vkh_eval *eval = walk->common.eval;
    enum vkh_status status = VKH_OK;
    vkh_leg_first(eval, &walk->leg);
    for (uint32_t i = 0; i < eval->n_groups && status == VKH_OK; i++)
        status = run_group(walk, i);
    return status;
}

enum vkh_status vkh_eval_walk(struct vkh_eval *eval, const struct vkh_walk_target *target)
{
    struct walk walk = {.common = {.eval = eval, .target = target}};
    struct vkh_references *references = &walk.common.references;
    struct vkh_resume **resume = &walk.common.resume;
    enum vkh_status status = vkh_references_init(references, eval, target);
    if (status == VKH_OK && target->checkpoint)
        status = vkh_resume_open(eval, target, references, resume);
    if (status == VKH_OK)
        status = vkh_graph_layered(vkh_graph_get_plan(target->graphs[VKH_OWN]))
                     ? vkh_layers_walk(&walk.common)
                     : run_groups(&walk);
    const enum vkh_status closed = vkh_resume_close(resume);
    vkh_references_fini(references);
    return status != VKH_OK ? status : closed;
}
