// SPDX-License-Identifier: MIT
#include "eval/resume.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/stream.h"
#include "graph/snapshot.h"

struct vkh_resume {
    const struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    const struct vkh_kv_shape *kv;
    struct vkh_checkpoint *file;
    struct vkh_snapshot slots[VKH_QUEUED_CHUNKS];
    void **pieces;   // [n_layers]
    uint64_t own_at; // where the area's place for tracks begins, after the one for prefixes
    double began;
};

// Of n tokens of a part from its first one on.
static uint64_t kv_bytes(const struct vkh_resume *resume, uint32_t n_tokens)
{
    return resume->target->n_layers[VKH_OWN] * vkh_snapshot_layer_bytes(resume->kv, n_tokens);
}

// The last chunk's keys and values are read by what follows the part.
static bool keeps_kv(const struct vkh_part *part, uint32_t chunk)
{
    return part->followed || chunk + 1 < vkh_part_chunks(part);
}

static uint64_t kept_bytes(const struct vkh_resume *resume, const struct vkh_part *part)
{
    const uint32_t n = part->n_tokens;
    if (n == 0)
        return 0;
    return kv_bytes(resume, part->followed ? n : (n - 1) / part->chunk * part->chunk);
}

// Of the area's two places, which every part of its kind uses in turn, and the most tokens of a
// part.
static void size_up(const struct vkh_resume *resume, uint64_t *prefixes, uint64_t *tracks,
                    uint32_t *longest)
{
    const struct vkh_eval *eval = resume->eval;
    const uint32_t chunk = vkh_graph_get_plan(resume->target->graphs[VKH_OWN])->chunk;
    *prefixes = *tracks = *longest = 0;
    for (uint32_t i = 0; i < eval->n_groups; i++) {
        const uint32_t n = eval->groups[i].prefix_tokens;
        const struct vkh_part part = {
            .n_tokens = n, .chunk = chunk, .followed = n < eval->groups[i].longest};
        *prefixes = vkh_max_size(*prefixes, kept_bytes(resume, &part));
        *longest = (uint32_t)vkh_max_size(*longest, n);
    }
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const uint32_t n = eval->tracks[i].marks.n_tokens;
        const struct vkh_part part = {.n_tokens = n, .chunk = chunk};
        *tracks = vkh_max_size(*tracks, kept_bytes(resume, &part));
        *longest = (uint32_t)vkh_max_size(*longest, n);
    }
}

static enum vkh_status fill(struct vkh_resume *resume)
{
    const struct vkh_walk_target *target = resume->target;
    const uint32_t chunk = vkh_graph_get_plan(target->graphs[VKH_OWN])->chunk;
    uint64_t prefixes, tracks;
    uint32_t longest;
    size_up(resume, &prefixes, &tracks, &longest);
    if (vkh_graph_layered(vkh_graph_get_plan(target->graphs[VKH_OWN])))
        prefixes = tracks = 0; // what a checkpoint keeps is done with them
    resume->own_at = prefixes;
    const uint32_t n = (uint32_t)vkh_min_size(chunk, longest);
    const struct vkh_checkpoint_plan plan = {
        .path = target->checkpoint,
        .identity = target->identity,
        .kv_bytes = prefixes + tracks,
        .most_rows = n,
    };
    resume->pieces = calloc(target->n_layers[VKH_OWN], sizeof(*resume->pieces));
    if (!resume->pieces)
        return vkh_fail(target->log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    enum vkh_status status = vkh_checkpoint_open(&plan, target->log, &resume->file);
    for (uint32_t i = 0; i < VKH_QUEUED_CHUNKS && status == VKH_OK; i++)
        status = vkh_snapshot_create(target->device, resume->kv,
                                     plan.kv_bytes ? target->n_layers[VKH_OWN] : 0, n,
                                     &resume->slots[i]);
    return status;
}

enum vkh_status vkh_resume_open(struct vkh_eval *eval, const struct vkh_walk_target *target,
                                struct vkh_resume **out)
{
    *out = NULL;
    struct vkh_resume *resume = calloc(1, sizeof(*resume));
    if (!resume)
        return vkh_fail(target->log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    resume->eval = eval;
    resume->target = target;
    resume->kv = &vkh_graph_get_plan(target->graphs[VKH_OWN])->kv;
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
    for (uint32_t i = 0; i < VKH_QUEUED_CHUNKS; i++)
        vkh_snapshot_destroy(&resume->slots[i]);
    free(resume->pieces);
    free(resume);
    *pointer = NULL;
    return status;
}

uint32_t vkh_resume_done(const struct vkh_resume *resume, const struct vkh_part *part)
{
    return vkh_checkpoint_done(resume->file, part->index, vkh_part_chunks(part));
}

// Its rows are the caller's to set, or the slot's; the slot, which may be NULL, has its keys and
// values.
static struct vkh_checkpoint_chunk describe(const struct vkh_resume *resume,
                                            const struct vkh_part *part, uint32_t chunk,
                                            const struct vkh_snapshot *slot)
{
    const uint32_t n = vkh_part_chunk_tokens(part, chunk);
    const uint64_t before = kv_bytes(resume, chunk * part->chunk);
    struct vkh_checkpoint_chunk out = {
        .part = part->index,
        .index = chunk,
        .n_rows = n,
        .rows = slot ? vkh_buffer_map(slot->nll) : NULL,
        .kv_at = (part->shared ? 0 : resume->own_at) + before,
        .kv_bytes = vkh_snapshot_layer_bytes(resume->kv, n),
        .n_kv = slot && keeps_kv(part, chunk) ? resume->target->n_layers[VKH_OWN] : 0,
        .kv = resume->pieces,
    };
    for (uint32_t i = 0; i < out.n_kv; i++)
        resume->pieces[i] = vkh_buffer_map(slot->kv[i]);
    return out;
}

// What its record must have; whether it has it is *found.
static enum vkh_status read_chunk(struct vkh_resume *resume, struct vkh_checkpoint_chunk *chunk,
                                  struct vkh_marks *marks, bool *found)
{
    const enum vkh_status status = vkh_checkpoint_read(resume->file, chunk, found);
    if (status == VKH_OK && *found)
        marks->seconds[chunk->index] = chunk->mark;
    return status;
}

enum vkh_status vkh_resume_rows(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, float *rows, struct vkh_marks *marks)
{
    bool found; // always, without keys and values
    struct vkh_checkpoint_chunk wanted = describe(resume, part, chunk, NULL);
    wanted.rows = rows;
    return read_chunk(resume, &wanted, marks, &found);
}

enum vkh_status vkh_resume_pass_over(struct vkh_resume *resume, const struct vkh_part *part,
                                     struct vkh_marks *marks)
{
    const uint32_t done = vkh_resume_done(resume, part);
    float *rows = malloc(part->chunk * sizeof(*rows));
    enum vkh_status status = VKH_OK;
    if (!rows)
        return vkh_fail(resume->target->log, VKH_ERR_MEMORY, "checkpoint: out of host memory");
    for (uint32_t i = 0; i < done && status == VKH_OK; i++)
        status = vkh_resume_rows(resume, part, i, rows, marks);
    free(rows);
    return status;
}

enum vkh_status vkh_resume_give(struct vkh_resume *resume, const struct vkh_part *part,
                                const struct vkh_pass *pass, struct vkh_marks *marks, uint32_t *n)
{
    struct vkh_stream *stream = resume->target->stream;
    const struct vkh_snapshot *slot = &resume->slots[0];
    const uint32_t done = vkh_resume_done(resume, part);
    for (*n = 0; *n < done; ++*n) {
        struct vkh_checkpoint_chunk chunk = describe(resume, part, *n, slot);
        bool found;
        enum vkh_status status = read_chunk(resume, &chunk, marks, &found);
        if (status != VKH_OK || !found)
            return status;
        vkh_snapshot_record(slot, vkh_stream_cmd(stream), pass, *n * part->chunk, chunk.n_rows,
                            chunk.n_kv > 0, VKH_SNAPSHOT_GIVE);
        status = vkh_stream_finish(stream);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

void vkh_resume_record(struct vkh_resume *resume, const struct vkh_part *part,
                       const struct vkh_pass *pass, uint32_t chunk)
{
    vkh_snapshot_record(&resume->slots[chunk % VKH_QUEUED_CHUNKS],
                        vkh_stream_cmd(resume->target->stream), pass, chunk * part->chunk,
                        vkh_part_chunk_tokens(part, chunk), keeps_kv(part, chunk),
                        VKH_SNAPSHOT_TAKE);
}

static enum vkh_status append(struct vkh_resume *resume, struct vkh_checkpoint_chunk *kept,
                              const struct vkh_marks *marks)
{
    const struct vkh_stream_times times = vkh_stream_times(resume->target->stream);
    const struct vkh_spent *earlier = &resume->eval->earlier;
    kept->mark = marks->seconds[kept->index];
    kept->spent = (struct vkh_spent){
        .seconds = earlier->seconds + vkh_clock() - resume->began,
        .device = earlier->device + times.busy,
        .longest = times.longest > earlier->longest ? times.longest : earlier->longest,
    };
    return vkh_checkpoint_append(resume->file, kept);
}

enum vkh_status vkh_resume_keep(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, const struct vkh_marks *marks)
{
    struct vkh_checkpoint_chunk kept =
        describe(resume, part, chunk, &resume->slots[chunk % VKH_QUEUED_CHUNKS]);
    return append(resume, &kept, marks);
}

enum vkh_status vkh_resume_keep_rows(struct vkh_resume *resume, const struct vkh_part *part,
                                     uint32_t chunk, float *rows, const struct vkh_marks *marks)
{
    struct vkh_checkpoint_chunk kept = describe(resume, part, chunk, NULL);
    kept.rows = rows;
    return append(resume, &kept, marks);
}
