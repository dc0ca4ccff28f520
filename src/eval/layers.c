// SPDX-License-Identifier: MIT
#include "eval/layers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "eval/legs.h"
#include "eval/span.h"
#include "gpu/stream.h"

enum { PREFIX, OWN, N_KINDS };
enum { AHEAD = 3 }; // chunks that the device has before it while the host does something else

// A leg on its way through the layers.
struct item {
    struct vkh_leg leg;
    bool again; // a prefix whose NLL an earlier batch delivered
    struct vkh_part part;
    struct vkh_tracks tracks; // that it serves
    const char *name;
    struct vkh_marks *marks;
    struct vkh_pass pass;
    const struct vkh_pass *prefix;
    uint32_t n_chunks;
    struct vkh_buffer **residuals; // [n_chunks]
    double *seconds;               // [n_chunks], spent on each
};

struct queued {
    struct item *item;
    uint32_t chunk;
    uint64_t ticket;
};

struct layers {
    struct vkh_walk *walk;
    const struct vkh_walk_target *target;
    struct vkh_eval_resident models[VKH_N_MODELS];
    struct vkh_layer_kv kv[VKH_N_MODELS][N_KINDS];
    int model; // of the batch at work, and its graph
    struct vkh_graph *graph;
    struct item *items; // [n], of the batch at work
    uint32_t n;
    struct queued queue[AHEAD]; // a ring
    uint32_t n_queued, oldest;
    uint64_t steps; // tokens through a part of the graph
    uint64_t base;  // walk->done before the batch
    double last;    // when a chunk was done
};

static enum vkh_status out_of_memory(const struct layers *l)
{
    return vkh_fail(l->target->log, VKH_ERR_MEMORY, "walk by layers: out of host memory");
}

// What the leg is to the walk. Its device memory is made by open_item.
static struct item describe(const struct layers *l, const struct vkh_leg *leg, bool again)
{
    struct vkh_eval *eval = l->walk->eval;
    struct vkh_group *group = &eval->groups[leg->group];
    const bool shared = leg->track == VKH_NONE;
    struct vkh_track *track = &eval->tracks[shared ? group->first_track : leg->track];
    struct item item = {
        .leg = *leg,
        .again = again,
        .part = vkh_part_of(eval, leg),
        .tracks = {track, shared ? group->n_tracks : 1, leg->group},
        .name = shared ? "shared prefix" : eval->lanes[eval->readings[track->reading].lane].name,
        .marks = shared ? &group->marks : &track->marks,
    };
    return item;
}

static const struct vkh_track *track_of(const struct item *item)
{
    const struct vkh_track *track = item->tracks.first;
    while (track->group != item->leg.group)
        track++;
    return track;
}

static enum vkh_status open_item(struct layers *l, struct item *item)
{
    const struct vkh_eval *eval = l->walk->eval;
    const struct vkh_leg *leg = &item->leg;
    const bool shared = leg->track == VKH_NONE;
    const struct vkh_track *track = track_of(item);
    const struct vkh_span span = {track, leg->first, leg->n,
                                  shared ? eval->groups[leg->group].longest : track->n_tokens};
    enum vkh_status status = vkh_span_create_pass(
        &span, eval, l->target, &l->kv[l->model][shared ? PREFIX : OWN], &item->pass);
    if (status != VKH_OK)
        return status;
    item->residuals = calloc(vkh_part_chunks(&item->part), sizeof(*item->residuals));
    item->seconds = calloc(vkh_part_chunks(&item->part), sizeof(*item->seconds));
    if (!item->residuals || !item->seconds)
        return out_of_memory(l);
    for (uint32_t i = 0; i < vkh_part_chunks(&item->part) && status == VKH_OK; i++) {
        const uint64_t rows = vkh_round_up(vkh_part_chunk_tokens(&item->part, i), VKH_KEY_TILE);
        status = vkh_buffer_create(l->target->device, "residual stream",
                                   rows * l->models[l->model].hidden * 4, VKH_MEMORY_DEVICE,
                                   &item->residuals[i]);
        item->n_chunks += status == VKH_OK;
    }
    return status;
}

static void close_batch(struct layers *l)
{
    vkh_stream_finish(l->target->stream);
    for (uint32_t i = 0; i < l->n; i++) {
        struct item *item = &l->items[i];
        for (uint32_t j = 0; j < item->n_chunks; j++)
            vkh_buffer_destroy(&item->residuals[j]);
        free(item->residuals);
        free(item->seconds);
        vkh_pass_destroy(&item->pass);
    }
    free(l->items);
    l->items = NULL;
    l->n = 0;
}

static enum vkh_status add_item(struct layers *l, const struct vkh_leg *leg, bool again)
{
    struct item *item = &l->items[l->n++];
    *item = describe(l, leg, again);
    if (leg->track != VKH_NONE && leg->first > 0) {
        const struct item *prefix = item - 1;
        while (prefix->leg.track != VKH_NONE)
            prefix--;
        item->prefix = &prefix->pass;
    }
    return open_item(l, item);
}

static enum vkh_status open_batch(struct layers *l, const struct vkh_batch *batch)
{
    struct vkh_leg leg = batch->first;
    enum vkh_status status = VKH_OK;
    l->items = calloc((size_t)batch->n_legs + 1, sizeof(*l->items));
    if (!l->items)
        return out_of_memory(l);
    if (batch->again) {
        const struct vkh_leg prefix = {.group = leg.group, .track = VKH_NONE, .n = batch->again};
        status = add_item(l, &prefix, true);
    }
    for (uint32_t i = 0; i < batch->n_legs && status == VKH_OK; i++) {
        status = add_item(l, &leg, false);
        vkh_leg_next(l->walk->eval, &leg);
    }
    return status;
}

static enum vkh_status await_oldest(struct layers *l)
{
    const struct queued *done = &l->queue[l->oldest];
    const uint32_t n = vkh_part_chunk_tokens(&done->item->part, done->chunk);
    const enum vkh_status status = vkh_stream_wait(l->target->stream, done->ticket);
    if (status != VKH_OK)
        return status;
    const double now = vkh_clock();
    done->item->seconds[done->chunk] += now - l->last;
    l->last = now;
    l->oldest = (l->oldest + 1) % AHEAD;
    l->n_queued--;
    l->steps += done->item->again ? 0 : n;
    const uint64_t through = l->base + l->steps / vkh_graph_parts(l->graph);
    return through > l->walk->done
               ? vkh_walk_advance(l->walk, done->item->name, (uint32_t)(through - l->walk->done))
               : VKH_OK;
}

static enum vkh_status submit_chunk(struct layers *l, struct item *item, uint32_t part,
                                    uint32_t chunk)
{
    const uint32_t from = chunk * item->part.chunk;
    const uint32_t n = vkh_part_chunk_tokens(&item->part, chunk);
    enum vkh_status status = l->n_queued == AHEAD ? await_oldest(l) : VKH_OK;
    if (status != VKH_OK)
        return status;
    vkh_graph_record_part(l->graph, l->target->stream, part,
                          &(struct vkh_graph_chunk){
                              .prefix = item->prefix,
                              .pass = &item->pass,
                              .from = from,
                              .n = n,
                              .residual = item->residuals[chunk],
                          });
    if (part + 1 == vkh_graph_parts(l->graph))
        vkh_references_record(
            &l->walk->references, &item->pass,
            vkh_range(item->residuals[chunk], 0, (uint64_t)n * l->models[l->model].hidden * 4),
            from, n);
    struct queued *queued = &l->queue[(l->oldest + l->n_queued++) % AHEAD];
    *queued = (struct queued){.item = item, .chunk = chunk};
    return vkh_stream_submit(l->target->stream, &queued->ticket);
}

// *n counts the chunks of the part.
static enum vkh_status run_item(struct layers *l, struct item *item, uint32_t part, uint32_t *n)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < item->n_chunks && status == VKH_OK; i++) {
        status = submit_chunk(l, item, part, i);
        if (status == VKH_OK && ++*n == AHEAD)
            status = vkh_graph_prepare(l->graph);
    }
    return status;
}

static enum vkh_status await_all(struct layers *l)
{
    enum vkh_status status = VKH_OK;
    while (l->n_queued > 0 && status == VKH_OK)
        status = await_oldest(l);
    return status;
}

// Delivers the NLL, and keeps it, the divergences and rows where there is a checkpoint.
static enum vkh_status finish_item(struct layers *l, struct item *item)
{
    struct vkh_resume *resume = l->walk->resume;
    float *rows = vkh_walk_rows(l->walk, item->leg.n);
    if (!rows)
        return VKH_ERR_MEMORY;
    enum vkh_status status = vkh_pass_read(&item->pass, l->target->stream, rows);
    if (status == VKH_OK)
        vkh_walk_deliver(l->walk, &item->tracks,
                         &(struct vkh_scores){item->leg.first, item->leg.n, rows});
    free(rows);
    double sum = 0.0;
    for (uint32_t i = 0; i < item->n_chunks; i++)
        item->marks->seconds[i] = sum += item->seconds[i];
    for (uint32_t i = resume ? vkh_resume_done(resume, &item->part) : item->n_chunks;
         i < item->n_chunks && status == VKH_OK; i++) {
        vkh_resume_record(resume, &item->part, &item->pass, i);
        status = vkh_stream_finish(l->target->stream);
        if (status == VKH_OK)
            status = vkh_resume_keep(resume, &item->part, i, item->marks);
    }
    return status;
}

// The last part of an item, whose rows are references or compared with them. Items come in the
// order of the walk by chunks, so that the references of one origin at a time are enough here, too.
// Where they are another model's, its last part is still there from the batch that made them. An
// item is finished before the next one: a checkpoint then has room for one origin's rows, too.
static enum vkh_status compare_item(struct layers *l, struct item *item, uint32_t part, uint32_t *n)
{
    struct vkh_references *references = &l->walk->references;
    enum vkh_status status = vkh_walk_move(l->walk, &item->leg);
    if (status == VKH_OK)
        status = vkh_references_begin(references, &item->tracks, item->leg.first, &item->pass);
    if (status == VKH_OK)
        status = run_item(l, item, part, n);
    if (status == VKH_OK)
        status = await_all(l);
    const enum vkh_status finished = vkh_stream_finish(l->target->stream);
    if (status == VKH_OK)
        status = finished;
    if (status == VKH_OK)
        status = vkh_references_read(references, &item->pass);
    if (status == VKH_OK)
        status = finish_item(l, item);
    vkh_references_end(references);
    return status;
}

static enum vkh_status run_part(struct layers *l, uint32_t part)
{
    const bool is_last = part + 1 == vkh_graph_parts(l->graph);
    const bool compared = is_last && l->walk->eval->reference != VKH_NONE;
    enum vkh_status status = vkh_graph_enter(l->graph, part);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n && status == VKH_OK; i++) {
        if (is_last && l->items[i].again)
            continue;
        status = compared ? compare_item(l, &l->items[i], part, &n)
                          : run_item(l, &l->items[i], part, &n);
    }
    return status == VKH_OK && n < AHEAD ? vkh_graph_prepare(l->graph) : status;
}

static enum vkh_status run_batch(struct layers *l, const struct vkh_batch *batch)
{
    const bool compared = l->walk->eval->reference != VKH_NONE; // finished, then, one by one
    l->model = vkh_leg_model(l->walk->eval, &batch->first);
    l->graph = l->target->graphs[l->model];
    enum vkh_status status = open_batch(l, batch);
    l->base = l->walk->done;
    l->steps = 0;
    l->n_queued = 0;
    l->last = vkh_clock();
    for (uint32_t i = 0; i < vkh_graph_parts(l->graph) && status == VKH_OK; i++)
        status = run_part(l, i);
    if (status == VKH_OK)
        status = await_all(l);
    for (uint32_t i = 0; i < l->n && status == VKH_OK; i++)
        if (!l->items[i].again && !compared)
            status = finish_item(l, &l->items[i]);
    close_batch(l);
    return status;
}

// Before an item that an earlier run left in the middle: its records are computed again, to the
// same. Where its references are another model's, that went through its layers in the earlier run,
// and its last part is what comparing needs of it.
static enum vkh_status pass_over(struct layers *l, const struct item *item)
{
    const struct vkh_eval *eval = l->walk->eval;
    struct vkh_references *references = &l->walk->references;
    enum vkh_status status = vkh_references_begin(references, &item->tracks, item->leg.first, NULL);
    if (status == VKH_OK)
        status = vkh_resume_pass_over(l->walk->resume, &item->part, item->marks);
    vkh_references_end(references);
    if (status != VKH_OK || eval->reference == VKH_NONE)
        return status;
    const int model = vkh_eval_model(eval, eval->reference);
    struct vkh_graph *graph = l->target->graphs[model];
    return model == item->part.model ? VKH_OK : vkh_graph_enter(graph, vkh_graph_parts(graph) - 1);
}

// Delivers what an earlier run has done: `leg` is then the first that is not, *more false when
// there is none.
static enum vkh_status take_up(struct layers *l, struct vkh_leg *leg, bool *more)
{
    struct vkh_resume *resume = l->walk->resume;
    enum vkh_status status = VKH_OK;
    *more = vkh_leg_first(l->walk->eval, leg);
    while (resume && *more && status == VKH_OK) {
        const struct item item = describe(l, leg, false);
        status = vkh_walk_move(l->walk, leg);
        if (status == VKH_OK && !vkh_walk_is_done(l->walk, &item.part))
            return pass_over(l, &item);
        if (status == VKH_OK)
            status = vkh_walk_replay(l->walk, &item.part, &item.tracks, item.name, item.marks);
        *more = vkh_leg_next(l->walk->eval, leg);
    }
    return status;
}

static enum vkh_status create_kv(struct layers *l)
{
    const struct vkh_eval *eval = l->walk->eval;
    uint32_t most[VKH_N_MODELS][N_KINDS] = {0};
    struct vkh_leg leg;
    for (bool more = vkh_leg_first(eval, &leg); more; more = vkh_leg_next(eval, &leg)) {
        uint32_t *n = &most[vkh_leg_model(eval, &leg)][leg.track == VKH_NONE ? PREFIX : OWN];
        *n = (uint32_t)vkh_max_size(*n, leg.n);
    }
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_N_MODELS * N_KINDS && status == VKH_OK; i++) {
        const int model = i / N_KINDS, kind = i % N_KINDS;
        if (most[model][kind])
            status =
                vkh_layer_kv_create(l->target->device, l->target->stream, &l->models[model].plan.kv,
                                    most[model][kind], &l->kv[model][kind]);
    }
    return status;
}

enum vkh_status vkh_layers_walk(struct vkh_walk *walk)
{
    const struct vkh_walk_target *target = walk->target;
    struct layers l = {.walk = walk, .target = target};
    for (int i = 0; i < VKH_N_MODELS; i++)
        if (target->graphs[i])
            l.models[i] = (struct vkh_eval_resident){*vkh_graph_get_plan(target->graphs[i]),
                                                     target->n_layers[i],
                                                     vkh_graph_hidden_size(target->graphs[i])};
    struct vkh_batch batch = {0};
    bool more;
    enum vkh_status status = take_up(&l, &batch.next, &more);
    if (status == VKH_OK && more)
        status = create_kv(&l);
    for (; more && status == VKH_OK; more = !batch.last) {
        batch = vkh_batch_take(walk->eval, l.models, &batch.next, target->room);
        status = run_batch(&l, &batch);
    }
    vkh_stream_finish(target->stream); // what was recorded uses them
    for (int i = 0; i < VKH_N_MODELS * N_KINDS; i++)
        vkh_layer_kv_destroy(&l.kv[i / N_KINDS][i % N_KINDS]);
    return status;
}
