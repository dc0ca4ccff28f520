// SPDX-License-Identifier: MIT
#include "eval/walk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "eval/references.h"
#include "gpu/stream.h"
#include "rope/fixed.h"

enum { QUEUED_CHUNKS = 2 }; // that the host runs ahead of the device

struct walk {
    struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    struct vkh_references references;
    uint64_t done; // tokens
};

// Tokens [first, first + n) of a track, the last of them predicting token first + n unless that is
// `end`.
struct span {
    const struct vkh_track *track;
    uint32_t first, n, end;
};

// Host copies of a pass's inputs, in one allocation.
struct inputs {
    uint64_t *positions, *frequencies, *local_frequencies; // the last NULL where there are none
    int32_t *ids, *targets;
};

static const int32_t *ids_of(const struct vkh_eval *eval, const struct vkh_track *track)
{
    return eval->texts[vkh_eval_text_of(eval, track)].ids + track->origin;
}

static bool fill_inputs(const struct vkh_eval *eval, const struct span *span, struct inputs *in)
{
    const struct vkh_schedule *schedule = span->track->schedule;
    const int32_t *ids = ids_of(eval, span->track);
    const size_t n = span->n, n_frequencies = schedule->n_frequencies;
    in->positions = malloc((n + 2 * n_frequencies) * sizeof(uint64_t) + 2 * n * sizeof(int32_t));
    if (!in->positions)
        return false;
    in->frequencies = in->positions + n;
    in->local_frequencies = schedule->local_frequencies ? in->frequencies + n_frequencies : NULL;
    in->ids = (int32_t *)(in->frequencies + 2 * n_frequencies);
    in->targets = in->ids + n;
    for (size_t i = 0; i < n; i++) {
        const uint64_t token = span->first + i, next = token + 1;
        vkh_fixed_position(vkh_schedule_position(schedule, token), &in->positions[i]);
        in->ids[i] = ids[token];
        in->targets[i] = next < span->end && next >= span->track->scored_from ? ids[next] : -1;
    }
    if (eval->options->regime.has_bos && span->first == 0 && n > 0)
        in->ids[0] = eval->options->regime.bos;
    for (size_t i = 0; i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->frequencies[i], &in->frequencies[i]);
    for (size_t i = 0; in->local_frequencies && i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->local_frequencies[i], &in->local_frequencies[i]);
    return true;
}

static enum vkh_status create_pass(const struct walk *walk, const struct span *span,
                                   struct vkh_pass *pass)
{
    const struct vkh_walk_target *target = walk->target;
    const struct vkh_schedule *schedule = span->track->schedule;
    const int model = vkh_eval_model_of(walk->eval, span->track);
    struct inputs in;
    *pass = (struct vkh_pass){0};
    if (!fill_inputs(walk->eval, span, &in))
        return vkh_fail(target->log, VKH_ERR_MEMORY, "positions of %u tokens: out of host memory",
                        span->n);
    const struct vkh_pass_inputs inputs = {
        .first_token = span->first,
        .n_tokens = span->n,
        .ids = in.ids,
        .targets = in.targets,
        .positions = in.positions,
        .frequencies = in.frequencies,
        .local_frequencies = in.local_frequencies,
        .n_frequencies = schedule->n_frequencies,
        .attention_scale = (float)schedule->attention_scale,
    };
    const enum vkh_status status = vkh_pass_create(target->device, target->stream,
                                                   &vkh_graph_get_plan(target->graphs[model])->kv,
                                                   target->n_layers[model], &inputs, pass);
    free(in.positions);
    return status;
}

// Tells the caller that n more tokens are done.
static enum vkh_status advance(struct walk *walk, const char *name, uint32_t n)
{
    const struct vkh_ppl_options *options = walk->eval->options;
    walk->done += n;
    const struct vkh_ppl_progress progress = {walk->done, walk->eval->device_tokens, name};
    if (!options->progress || options->progress(options->user, &progress))
        return VKH_OK;
    return vkh_fail(walk->target->log, VKH_ERR_CANCELLED, "cancelled after %llu of %llu tokens",
                    (unsigned long long)progress.done, (unsigned long long)progress.total);
}

// A pass on its way through the layers.
struct run {
    struct walk *walk;
    struct vkh_graph *graph;
    const struct vkh_pass *prefix, *pass;
    struct vkh_tracks tracks; // that it serves
    const char *name;
    double began;
    struct vkh_marks *marks;
    uint64_t tickets[QUEUED_CHUNKS]; // of the latest chunks
};

static uint32_t chunk_tokens(const struct run *run, uint32_t index)
{
    const uint64_t first = (uint64_t)index * run->marks->chunk;
    return (uint32_t)vkh_min_size(run->marks->chunk, run->pass->n_tokens - first);
}

static enum vkh_status submit_chunk(struct run *run, uint32_t index)
{
    struct vkh_stream *stream = run->walk->target->stream;
    const uint32_t from = index * run->marks->chunk, n = chunk_tokens(run, index);
    vkh_graph_record(run->graph, stream, run->prefix, run->pass, from, n);
    vkh_references_record(&run->walk->references, run->graph, run->pass, from, n);
    return vkh_stream_submit(stream, &run->tickets[index % QUEUED_CHUNKS]);
}

static enum vkh_status await_chunk(struct run *run, uint32_t index)
{
    const enum vkh_status status =
        vkh_stream_wait(run->walk->target->stream, run->tickets[index % QUEUED_CHUNKS]);
    if (status != VKH_OK)
        return status;
    run->marks->seconds[index] = vkh_clock() - run->began;
    return advance(run->walk, run->name, chunk_tokens(run, index));
}

// The stream is finished when it returns, whatever the status.
static enum vkh_status run_chunks(struct run *run)
{
    const uint32_t n = (uint32_t)vkh_div_up(run->pass->n_tokens, run->marks->chunk);
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < n && status == VKH_OK; i++) {
        if (i >= QUEUED_CHUNKS)
            status = await_chunk(run, i - QUEUED_CHUNKS);
        if (status == VKH_OK)
            status = submit_chunk(run, i);
    }
    for (uint32_t i = n > QUEUED_CHUNKS ? n - QUEUED_CHUNKS : 0; i < n && status == VKH_OK; i++)
        status = await_chunk(run, i);
    const enum vkh_status finished = vkh_stream_finish(run->walk->target->stream);
    return status != VKH_OK ? status : finished;
}

// Gives the NLL that a pass computed to a track's reading: its token t scores token t + 1.
static void deliver(const struct vkh_eval *eval, const struct vkh_pass *pass, const float *rows,
                    const struct vkh_track *track)
{
    float *nll = eval->readings[track->reading].nll + track->origin;
    for (uint32_t i = 0; i < pass->n_tokens; i++) {
        const uint32_t t = pass->first_token + i + 1;
        if (vkh_track_scores(track, t))
            nll[t] = rows[i];
    }
}

// The pass's NLL to every track that it serves.
static enum vkh_status read_rows(const struct run *run)
{
    const struct walk *walk = run->walk;
    const struct vkh_tracks *tracks = &run->tracks;
    float *rows = malloc(run->pass->n_tokens * sizeof(*rows));
    if (!rows)
        return vkh_fail(walk->target->log, VKH_ERR_MEMORY, "NLL of %u tokens: out of host memory",
                        run->pass->n_tokens);
    const enum vkh_status status = vkh_pass_read(run->pass, walk->target->stream, rows);
    for (uint32_t i = 0; i < tracks->n && status == VKH_OK; i++)
        if (tracks->first[i].group == tracks->group)
            deliver(walk->eval, run->pass, rows, &tracks->first[i]);
    free(rows);
    return status;
}

// From the span's inputs to the results of the tracks that it serves; leaves the pass, for others
// may go on from it.
static enum vkh_status run_pass(struct run *run, const struct span *span, struct vkh_pass *pass)
{
    struct vkh_references *references = &run->walk->references;
    run->pass = pass;
    run->graph = run->walk->target->graphs[vkh_eval_model_of(run->walk->eval, span->track)];
    enum vkh_status status = create_pass(run->walk, span, pass);
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

static enum vkh_status run_prefix(struct walk *walk, uint32_t index, struct vkh_pass *pass)
{
    struct vkh_eval *eval = walk->eval;
    struct vkh_group *group = &eval->groups[index];
    const struct vkh_track *tracks = eval->tracks + group->first_track;
    struct run run = {.walk = walk,
                      .tracks = {tracks, group->n_tracks, index},
                      .name = "shared prefix",
                      .began = vkh_clock(),
                      .marks = &group->marks};
    struct span span = {tracks, 0, group->prefix_tokens, group->longest};
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
    const struct span span = {track, shared, track->n_tokens - shared, track->n_tokens};
    struct vkh_pass pass;
    struct run run = {.walk = walk,
                      .prefix = shared ? prefix : NULL,
                      .tracks = {track, 1, track->group},
                      .name = eval->lanes[eval->readings[track->reading].lane].name,
                      .began = vkh_clock(),
                      .marks = &track->marks};
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
    for (uint32_t i = 0; i < eval->n_groups && status == VKH_OK; i++)
        status = run_group(&walk, i);
    vkh_references_fini(&walk.references);
    return status;
}
