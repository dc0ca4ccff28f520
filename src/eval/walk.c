// SPDX-License-Identifier: MIT
#include "eval/walk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "eval/references.h"
#include "eval/resume.h"
#include "eval/span.h"
#include "gpu/stream.h"

struct walk {
    struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    struct vkh_references references;
    struct vkh_resume *resume; // NULL: no checkpoint
    uint32_t n_parts;          // so far
    uint64_t done, resumed;    // tokens
};

// Tells the caller that n more tokens are done.
static enum vkh_status advance(struct walk *walk, const char *name, uint32_t n)
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

// Tells the caller that n tokens had been done by an earlier run.
static enum vkh_status skip(struct walk *walk, const char *name, uint32_t n)
{
    walk->resumed += n;
    return advance(walk, name, n);
}

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

static uint32_t chunk_tokens(const struct run *run, uint32_t index)
{
    return vkh_part_chunk_tokens(&run->part, index);
}

static enum vkh_status submit_chunk(struct run *run, uint32_t index)
{
    const struct walk *walk = run->walk;
    struct vkh_stream *stream = walk->target->stream;
    const uint32_t from = index * run->part.chunk, n = chunk_tokens(run, index);
    vkh_graph_record(run->graph, stream, run->prefix, run->pass, from, n);
    vkh_references_record(&walk->references, run->graph, run->pass, from, n);
    if (walk->resume)
        vkh_resume_record(walk->resume, &run->part, run->pass, index);
    return vkh_stream_submit(stream, &run->tickets[index % VKH_QUEUED_CHUNKS]);
}

static enum vkh_status await_chunk(struct run *run, uint32_t index)
{
    enum vkh_status status =
        vkh_stream_wait(run->walk->target->stream, run->tickets[index % VKH_QUEUED_CHUNKS]);
    if (status != VKH_OK)
        return status;
    run->marks->seconds[index] = vkh_clock() - run->began;
    if (run->walk->resume) // while the device is at the next chunk
        status = vkh_resume_keep(run->walk->resume, &run->part, index, run->marks);
    return status == VKH_OK ? advance(run->walk, run->name, chunk_tokens(run, index)) : status;
}

// Gives the pass what an earlier run did of it: *n chunks.
static enum vkh_status take_up(struct run *run, uint32_t *n)
{
    *n = 0;
    if (!run->walk->resume)
        return VKH_OK;
    const enum vkh_status status =
        vkh_resume_give(run->walk->resume, &run->part, run->pass, run->marks, n);
    if (status != VKH_OK || *n == 0)
        return status;
    run->began = vkh_clock() - run->marks->seconds[*n - 1];
    const uint64_t tokens = vkh_min_size((uint64_t)*n * run->part.chunk, run->part.n_tokens);
    return skip(run->walk, run->name, (uint32_t)tokens);
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
    const enum vkh_status finished = vkh_stream_finish(run->walk->target->stream);
    return status != VKH_OK ? status : finished;
}

// NLL of tokens [first, first + n), each of which scores the token after it.
struct scores {
    uint32_t first, n;
    const float *rows;
};

static void deliver_to(const struct vkh_eval *eval, const struct scores *scores,
                       const struct vkh_track *track)
{
    float *nll = eval->readings[track->reading].nll + track->origin;
    for (uint32_t i = 0; i < scores->n; i++) {
        const uint32_t t = scores->first + i + 1;
        if (vkh_track_scores(track, t))
            nll[t] = scores->rows[i];
    }
}

// To every track that the run serves.
static void deliver(const struct run *run, const struct scores *scores)
{
    const struct vkh_tracks *tracks = &run->tracks;
    for (uint32_t i = 0; i < tracks->n; i++)
        if (tracks->first[i].group == tracks->group)
            deliver_to(run->walk->eval, scores, &tracks->first[i]);
}

static float *create_rows(const struct run *run, uint32_t n)
{
    float *rows = malloc(n * sizeof(*rows));
    if (!rows)
        vkh_fail(run->walk->target->log, VKH_ERR_MEMORY, "NLL of %u tokens: out of host memory", n);
    return rows;
}

static enum vkh_status read_rows(const struct run *run)
{
    const struct vkh_pass *pass = run->pass;
    float *rows = create_rows(run, pass->n_tokens);
    if (!rows)
        return VKH_ERR_MEMORY;
    const enum vkh_status status = vkh_pass_read(pass, run->walk->target->stream, rows);
    if (status == VKH_OK)
        deliver(run, &(struct scores){pass->first_token, pass->n_tokens, rows});
    free(rows);
    return status;
}

// From the span's inputs to the results of the tracks that it serves; leaves the pass, for others
// may go on from it.
static enum vkh_status run_pass(struct run *run, const struct vkh_span *span, struct vkh_pass *pass)
{
    const struct vkh_walk_target *target = run->walk->target;
    struct vkh_references *references = &run->walk->references;
    run->pass = pass;
    run->graph = target->graphs[vkh_eval_model_of(run->walk->eval, span->track)];
    enum vkh_status status = vkh_span_create_pass(span, run->walk->eval, target, pass);
    if (status == VKH_OK)
        status = vkh_references_begin(references, pass, &run->tracks);
    if (status == VKH_OK)
        status = run_chunks(run);
    if (status == VKH_OK)
        status = read_rows(run);
    if (status == VKH_OK)
        status = vkh_references_read(references, pass, &run->tracks);
    vkh_references_end(references);
    return status;
}

// Whether an earlier run did all of the part.
static bool is_done(const struct walk *walk, const struct vkh_part *part)
{
    return walk->resume && vkh_resume_done(walk->resume, part) == vkh_part_chunks(part);
}

// Delivers what an earlier run computed of a whole part, which begins at token `first`.
static enum vkh_status replay(const struct run *run, uint32_t first)
{
    struct walk *walk = run->walk;
    const uint32_t n = vkh_part_chunks(&run->part);
    float *rows = create_rows(run, run->part.chunk);
    enum vkh_status status = rows ? VKH_OK : VKH_ERR_MEMORY;
    for (uint32_t i = 0; i < n && status == VKH_OK; i++) {
        const uint32_t tokens = chunk_tokens(run, i);
        status = vkh_resume_rows(walk->resume, &run->part, i, rows, run->marks);
        if (status != VKH_OK)
            break;
        deliver(run, &(struct scores){first + i * run->part.chunk, tokens, rows});
        status = skip(walk, run->name, tokens);
    }
    free(rows);
    return status;
}

// What a track has after the group's prefix.
static struct vkh_part own_part(const struct vkh_track *track, uint32_t index)
{
    return (struct vkh_part){
        .index = index, .n_tokens = track->marks.n_tokens, .chunk = track->marks.chunk};
}

// Whether an earlier run did all of the group whose prefix the run is over.
static bool is_group_done(const struct run *run)
{
    const struct vkh_tracks *tracks = &run->tracks;
    struct vkh_part last = run->part;
    for (uint32_t i = 0; i < tracks->n; i++)
        if (tracks->first[i].group == tracks->group && tracks->first[i].marks.n_tokens)
            last = own_part(&tracks->first[i], last.index + 1);
    return is_done(run->walk, &last);
}

static enum vkh_status run_prefix(struct walk *walk, uint32_t index, struct vkh_pass *pass)
{
    struct vkh_eval *eval = walk->eval;
    struct vkh_group *group = &eval->groups[index];
    const struct vkh_track *tracks = eval->tracks + group->first_track;
    struct run run = {
        .walk = walk,
        .part = {.index = walk->n_parts++,
                 .n_tokens = group->prefix_tokens,
                 .chunk = group->marks.chunk,
                 .shared = true,
                 .followed = group->prefix_tokens < group->longest},
        .tracks = {tracks, group->n_tracks, index},
        .name = "shared prefix",
        .began = vkh_clock(),
        .marks = &group->marks,
    };
    if (is_group_done(&run))
        return replay(&run, 0);
    struct vkh_span span = {tracks, 0, group->prefix_tokens, group->longest};
    while (span.track->group != index)
        span.track++;
    return run_pass(&run, &span, pass);
}

static enum vkh_status run_track(struct walk *walk, struct vkh_track *track,
                                 const struct vkh_pass *prefix)
{
    const struct vkh_eval *eval = walk->eval;
    const uint32_t shared = eval->groups[track->group].prefix_tokens;
    if (track->n_tokens <= shared)
        return VKH_OK;
    const struct vkh_span span = {track, shared, track->n_tokens - shared, track->n_tokens};
    struct vkh_pass pass;
    struct run run = {
        .walk = walk,
        .part = own_part(track, walk->n_parts++),
        .prefix = shared ? prefix : NULL,
        .tracks = {track, 1, track->group},
        .name = eval->lanes[eval->readings[track->reading].lane].name,
        .began = vkh_clock(),
        .marks = &track->marks,
    };
    if (is_done(walk, &run.part))
        return replay(&run, shared);
    const enum vkh_status status = run_pass(&run, &span, &pass);
    vkh_pass_destroy(&pass);
    return status;
}

static enum vkh_status run_group(struct walk *walk, uint32_t index)
{
    struct vkh_eval *eval = walk->eval;
    const struct vkh_group *group = &eval->groups[index];
    struct vkh_track *tracks = eval->tracks + group->first_track;
    struct vkh_pass prefix = {0};
    enum vkh_status status = vkh_references_move(&walk->references, group);
    if (status == VKH_OK && group->prefix_tokens)
        status = run_prefix(walk, index, &prefix);
    for (uint32_t i = 0; i < group->n_tracks && status == VKH_OK; i++)
        if (tracks[i].group == index)
            status = run_track(walk, &tracks[i], &prefix);
    vkh_pass_destroy(&prefix);
    return status;
}

enum vkh_status vkh_eval_walk(struct vkh_eval *eval, const struct vkh_walk_target *target)
{
    struct walk walk = {.eval = eval, .target = target};
    enum vkh_status status = vkh_references_init(&walk.references, eval, target);
    if (status == VKH_OK && target->checkpoint)
        status = vkh_resume_open(eval, target, &walk.resume);
    for (uint32_t i = 0; i < eval->n_groups && status == VKH_OK; i++)
        status = run_group(&walk, i);
    vkh_references_fini(&walk.references);
    const enum vkh_status closed = vkh_resume_close(&walk.resume);
    return status != VKH_OK ? status : closed;
}
