// SPDX-License-Identifier: MIT
#include "eval/resume.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/stream.h"
#include "graph/snapshot.h"

// Room for one chunk, all of it mapped.
struct slot {
    struct vkh_snapshot kv[VKH_N_MODELS];
    struct vkh_buffer *results; // fp32 [n], the NLL, and behind them the divergences
    struct vkh_buffer *rows;    // those that it left before the final norm; NULL: none are kept
};

struct vkh_resume {
    const struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    const struct vkh_references *references;
    struct vkh_checkpoint *file;
    struct slot slots[VKH_QUEUED_CHUNKS];
    void **pieces;    // [the most layers]
    void *rows_piece; // [1]
    uint64_t rows_at; // where the area's place for rows begins, after the one for keys and values
    double began;
};

struct vkh_part vkh_part_of(const struct vkh_eval *eval, const struct vkh_leg *leg)
{
    const struct vkh_group *group = &eval->groups[leg->group];
    const bool shared = leg->track == VKH_NONE;
    return (struct vkh_part){
        .index = leg->index,
        .model = vkh_leg_model(eval, leg),
        .first = leg->first,
        .n_tokens = leg->n,
        .chunk = shared ? group->marks.chunk : eval->tracks[leg->track].marks.chunk,
        .followed = shared && leg->n < group->longest,
    };
}

static const struct vkh_kv_shape *shape_of(const struct vkh_walk_target *target, int model)
{
    return &vkh_graph_get_plan(target->graphs[model])->kv;
}

// Of n tokens of the part's model. A token's are where it is in its track: a part's lie behind
// those of the prefix that it goes on from.
static uint64_t kv_bytes(const struct vkh_walk_target *target, const struct vkh_part *part,
                         uint32_t n_tokens)
{
    return target->n_layers[part->model] *
           vkh_snapshot_layer_bytes(shape_of(target, part->model), n_tokens);
}

// The last chunk's keys and values are read by what follows the part.
static bool keeps_kv(const struct vkh_part *part, uint32_t chunk)
{
    return part->followed || chunk + 1 < vkh_part_chunks(part);
}

static uint64_t kept_bytes(const struct vkh_walk_target *target, const struct vkh_part *part)
{
    const uint32_t n = part->n_tokens, last = (n - 1) / part->chunk * part->chunk;
    return kv_bytes(target, part, part->first + (part->followed ? n : last));
}

// Of the area's places, which every group, or origin, uses in turn; of a model's longest chunk; and
// of its results.
struct sizes {
    uint64_t kv, rows;
    uint32_t chunk[VKH_N_MODELS];
    uint64_t results;
};

static struct sizes size_up(const struct vkh_eval *eval, const struct vkh_walk_target *target)
{
    const bool layered = vkh_graph_layered(vkh_graph_get_plan(target->graphs[VKH_OWN]));
    struct sizes sizes = {0};
    struct vkh_leg leg;
    for (bool more = vkh_leg_first(eval, &leg); more; more = vkh_leg_next(eval, &leg)) {
        const struct vkh_part part = vkh_part_of(eval, &leg);
        const uint32_t n = (uint32_t)vkh_min_size(part.chunk, part.n_tokens);
        uint32_t references;
        if (!layered) // where it is, what a checkpoint keeps is done with them
            sizes.kv = vkh_max_size(sizes.kv, kept_bytes(target, &part));
        sizes.chunk[part.model] = (uint32_t)vkh_max_size(sizes.chunk[part.model], n);
        sizes.rows = vkh_max_size(
            sizes.rows,
            vkh_references_origin_bytes(eval, target, &eval->groups[leg.group], &references));
        const uint64_t token = sizeof(float) + references * sizeof(struct vkh_ppl_token_kl);
        sizes.results = vkh_max_size(sizes.results, n * token);
    }
    return sizes;
}

static enum vkh_status create_slot(const struct vkh_resume *resume, const struct sizes *sizes,
                                   struct slot *slot)
{
    const struct vkh_eval *eval = resume->eval;
    const struct vkh_walk_target *target = resume->target;
    struct vkh_device *device = target->device;
    enum vkh_status status = vkh_buffer_create(device, "copy of NLL", sizes->results,
                                               VKH_MEMORY_READBACK, &slot->results);
    for (int i = 0; i < VKH_N_MODELS && status == VKH_OK; i++)
        if (sizes->chunk[i] && sizes->kv)
            status = vkh_snapshot_create(device, shape_of(target, i), target->n_layers[i],
                                         sizes->chunk[i], &slot->kv[i]);
    if (status != VKH_OK || !sizes->rows)
        return status;
    const int model = vkh_eval_model(eval, eval->reference);
    const uint64_t row = (uint64_t)vkh_graph_hidden_size(target->graphs[model]) * 4;
    return vkh_buffer_create(device, "copy of the reference's rows", sizes->chunk[model] * row,
                             VKH_MEMORY_READBACK, &slot->rows);
}

static enum vkh_status fill(struct vkh_resume *resume)
{
    const struct vkh_walk_target *target = resume->target;
    const struct sizes sizes = size_up(resume->eval, target);
    const uint32_t n_layers =
        (uint32_t)vkh_max_size(target->n_layers[VKH_OWN], target->n_layers[VKH_OTHER]);
    resume->rows_at = sizes.kv;
    const struct vkh_checkpoint_plan plan = {
        .path = target->checkpoint,
        .identity = target->identity,
        .kept_bytes = resume->rows_at + sizes.rows,
        .most_bytes = sizes.results,
    };
    resume->pieces = calloc(n_layers, sizeof(*resume->pieces));
    if (!resume->pieces)
        return vkh_fail(target->log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    enum vkh_status status = vkh_checkpoint_open(&plan, target->log, &resume->file);
    for (uint32_t i = 0; i < VKH_QUEUED_CHUNKS && status == VKH_OK; i++)
        status = create_slot(resume, &sizes, &resume->slots[i]);
    return status;
}

enum vkh_status vkh_resume_open(struct vkh_eval *eval, const struct vkh_walk_target *target,
                                const struct vkh_references *references, struct vkh_resume **out)
{
    *out = NULL;
    struct vkh_resume *resume = calloc(1, sizeof(*resume));
    if (!resume)
        return vkh_fail(target->log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    resume->eval = eval;
    resume->target = target;
    resume->references = references;
    resume->began = vkh_clock();
    const enum vkh_status status = fill(resume);
    if (status != VKH_OK) {
        vkh_resume_close(&resume);
        return status;
    }
    eval->earlier = vkh_checkpoint_spent(resume->file);
    *out = resume;
    return VKH_OK;
}

enum vkh_status vkh_resume_close(struct vkh_resume **pointer)
{
    struct vkh_resume *resume = *pointer;
    if (!resume)
        return VKH_OK;
    const enum vkh_status status = vkh_checkpoint_close(&resume->file);
    for (uint32_t i = 0; i < VKH_QUEUED_CHUNKS; i++) {
        for (int j = 0; j < VKH_N_MODELS; j++)
            vkh_snapshot_destroy(&resume->slots[i].kv[j]);
        vkh_buffer_destroy(&resume->slots[i].results);
        vkh_buffer_destroy(&resume->slots[i].rows);
    }
    free(resume->pieces);
    free(resume);
    *pointer = NULL;
    return status;
}

uint32_t vkh_resume_done(const struct vkh_resume *resume, const struct vkh_part *part)
{
    return vkh_checkpoint_done(resume->file, part->index, vkh_part_chunks(part));
}

// Tokens of a chunk, counted from the track's first.
struct tokens {
    uint32_t first, n;
};

static struct tokens tokens_of(const struct vkh_part *part, uint32_t chunk)
{
    return (struct tokens){part->first + chunk * part->chunk, vkh_part_chunk_tokens(part, chunk)};
}

// Its results and rows are in the slot, and, with_kv, its keys and values.
static struct vkh_checkpoint_chunk describe(struct vkh_resume *resume, const struct vkh_part *part,
                                            uint32_t chunk, const struct slot *slot, bool with_kv)
{
    const struct vkh_snapshot *kv = &slot->kv[part->model];
    const struct vkh_references *references = resume->references;
    const struct tokens tokens = tokens_of(part, chunk);
    const struct vkh_rows_place rows = vkh_references_rows(references, tokens.first, tokens.n);
    const uint64_t n_kl = vkh_references_count(references, tokens.first, tokens.n);
    struct vkh_checkpoint_chunk out = {
        .part = part->index,
        .index = chunk,
        .n_bytes = tokens.n * sizeof(float) + n_kl * sizeof(struct vkh_ppl_token_kl),
        .results = vkh_buffer_map(slot->results),
        .kept[VKH_KEPT_KV] = {.at = kv_bytes(resume->target, part, tokens.first),
                              .bytes = vkh_snapshot_layer_bytes(
                                  shape_of(resume->target, part->model), tokens.n),
                              .n = with_kv && keeps_kv(part, chunk) ? kv->n_layers : 0,
                              .data = resume->pieces},
        .kept[VKH_KEPT_ROWS] = {.at = resume->rows_at + rows.at,
                                .bytes = rows.bytes,
                                .n = rows.bytes > 0,
                                .data = &resume->rows_piece},
        .settles = vkh_references_made(references) && chunk + 1 == vkh_part_chunks(part),
    };
    for (uint32_t i = 0; i < out.kept[VKH_KEPT_KV].n; i++)
        resume->pieces[i] = vkh_buffer_map(kv->kv[i]);
    if (rows.bytes)
        resume->rows_piece = vkh_buffer_map(slot->rows);
    return out;
}

static struct vkh_resumed results_of(const struct vkh_checkpoint_chunk *chunk, uint32_t n_tokens)
{
    const float *nll = chunk->results;
    return (struct vkh_resumed){nll, (const struct vkh_ppl_token_kl *)(nll + n_tokens)};
}

// What its record must have, in the slot; whether it has it is *found.
static enum vkh_status read_chunk(struct vkh_resume *resume, struct vkh_checkpoint_chunk *chunk,
                                  const struct vkh_part *part, struct vkh_marks *marks, bool *found)
{
    const enum vkh_status status = vkh_checkpoint_read(resume->file, chunk, found);
    if (status != VKH_OK || !*found)
        return status;
    marks->seconds[chunk->index] = chunk->mark;
    const struct tokens tokens = tokens_of(part, chunk->index);
    const uint64_t n = vkh_references_count(resume->references, tokens.first, tokens.n);
    const struct vkh_ppl_token_kl *kl = results_of(chunk, tokens.n).kl;
    for (uint64_t i = 0; i < n; i++)
        if (kl[i].top_differs > 1)
            return vkh_fail(resume->target->log, VKH_ERR_FORMAT,
                            "%s: the checkpoint is damaged: a token's agreement is %u",
                            resume->target->checkpoint, kl[i].top_differs);
    return VKH_OK;
}

enum vkh_status vkh_resume_read(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, struct vkh_marks *marks,
                                struct vkh_resumed *resumed, bool *found)
{
    struct vkh_stream *stream = resume->target->stream;
    const struct slot *slot = &resume->slots[0];
    const struct tokens tokens = tokens_of(part, chunk);
    const uint32_t done = vkh_resume_done(resume, part);
    struct vkh_checkpoint_chunk wanted = describe(resume, part, chunk, slot, false);
    const enum vkh_status status = read_chunk(resume, &wanted, part, marks, found);
    *resumed = results_of(&wanted, tokens.n);
    if (status == VKH_OK && !*found && done == vkh_part_chunks(part))
        return vkh_fail(resume->target->log, VKH_ERR_FORMAT,
                        "%s: the checkpoint is damaged: rows that are compared with are not what "
                        "was written",
                        resume->target->checkpoint);
    if (status != VKH_OK || !*found || !wanted.kept[VKH_KEPT_ROWS].n)
        return status;
    vkh_references_copy_rows(resume->references, vkh_stream_cmd(stream), tokens.first, tokens.n,
                             slot->rows, VKH_SNAPSHOT_GIVE);
    return vkh_stream_finish(stream);
}

enum vkh_status vkh_resume_pass_over(struct vkh_resume *resume, const struct vkh_part *part,
                                     struct vkh_marks *marks)
{
    struct vkh_resumed resumed;
    enum vkh_status status = VKH_OK;
    bool found;
    for (uint32_t i = 0; i < vkh_resume_done(resume, part) && status == VKH_OK; i++)
        status = vkh_resume_read(resume, part, i, marks, &resumed, &found);
    return status;
}

// Copies what the chunk leaves, but its keys and values, into the slot, or back.
static void record_results(const struct vkh_resume *resume, const struct slot *slot,
                           const struct vkh_pass *pass, struct tokens tokens,
                           enum vkh_snapshot_way way)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(resume->target->stream);
    const uint64_t from = tokens.first - pass->first_token;
    const struct vkh_range nll = vkh_range(pass->nll, from * 4, (uint64_t)tokens.n * 4);
    const uint64_t room = vkh_buffer_size(slot->results);
    vkh_snapshot_copy(cmd, nll, vkh_range(slot->results, 0, nll.size), way);
    vkh_references_copy(resume->references, cmd, tokens.first, tokens.n,
                        vkh_range(slot->results, nll.size, room - nll.size), way);
    vkh_references_copy_rows(resume->references, cmd, tokens.first, tokens.n, slot->rows, way);
}

enum vkh_status vkh_resume_give(struct vkh_resume *resume, const struct vkh_part *part,
                                const struct vkh_pass *pass, struct vkh_marks *marks, uint32_t *n)
{
    struct vkh_stream *stream = resume->target->stream;
    const struct slot *slot = &resume->slots[0];
    const uint32_t done = vkh_resume_done(resume, part);
    for (*n = 0; *n < done; ++*n) {
        struct vkh_checkpoint_chunk chunk = describe(resume, part, *n, slot, true);
        const struct tokens tokens = tokens_of(part, *n);
        bool found;
        enum vkh_status status = read_chunk(resume, &chunk, part, marks, &found);
        if (status != VKH_OK || !found)
            return status;
        record_results(resume, slot, pass, tokens, VKH_SNAPSHOT_GIVE);
        if (chunk.kept[VKH_KEPT_KV].n)
            vkh_snapshot_record(&slot->kv[part->model], vkh_stream_cmd(stream), pass,
                                *n * part->chunk, tokens.n, VKH_SNAPSHOT_GIVE);
        status = vkh_stream_finish(stream);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

void vkh_resume_record(struct vkh_resume *resume, const struct vkh_part *part,
                       const struct vkh_pass *pass, uint32_t chunk)
{
    const struct slot *slot = &resume->slots[chunk % VKH_QUEUED_CHUNKS];
    const struct tokens tokens = tokens_of(part, chunk);
    record_results(resume, slot, pass, tokens, VKH_SNAPSHOT_TAKE);
    if (keeps_kv(part, chunk))
        vkh_snapshot_record(&slot->kv[part->model], vkh_stream_cmd(resume->target->stream), pass,
                            chunk * part->chunk, tokens.n, VKH_SNAPSHOT_TAKE);
}

enum vkh_status vkh_resume_keep(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, const struct vkh_marks *marks)
{
    const struct vkh_stream_times times = vkh_stream_times(resume->target->stream);
    const struct vkh_spent *earlier = &resume->eval->earlier;
    struct vkh_checkpoint_chunk kept =
        describe(resume, part, chunk, &resume->slots[chunk % VKH_QUEUED_CHUNKS], true);
    kept.mark = marks->seconds[chunk];
    kept.spent = (struct vkh_spent){
        .seconds = earlier->seconds + vkh_clock() - resume->began,
        .device = earlier->device + times.busy,
        .longest = times.longest > earlier->longest ? times.longest : earlier->longest,
    };
    return vkh_checkpoint_append(resume->file, &kept);
}
