// SPDX-License-Identifier: MIT
// A walk that leaves a checkpoint and goes on from one.
#ifndef VKH_EVAL_RESUME_H
#define VKH_EVAL_RESUME_H

#include "base/size.h"
#include "eval/eval.h"
#include "eval/walk.h"
#include "graph/pass.h"

struct vkh_resume;

// What one pass walks over: a group's shared prefix, or what a track has of its own.
struct vkh_part {
    uint32_t index; // in the order of the walk
    uint32_t n_tokens, chunk;
    bool shared;   // a prefix
    bool followed; // its keys and values are read after it
};

static inline uint32_t vkh_part_chunks(const struct vkh_part *part)
{
    return (uint32_t)vkh_div_up(part->n_tokens, part->chunk);
}

static inline uint32_t vkh_part_chunk_tokens(const struct vkh_part *part, uint32_t chunk)
{
    return (uint32_t)vkh_min_size(part->chunk, part->n_tokens - (uint64_t)chunk * part->chunk);
}

// Opens the target's checkpoint, which it names, and sets eval->earlier.
enum vkh_status vkh_resume_open(struct vkh_eval *eval, const struct vkh_walk_target *target,
                                struct vkh_resume **resume);
// Nothing recorded may still run.
enum vkh_status vkh_resume_close(struct vkh_resume **resume);

// How many of the part's chunks need not be walked over again.
uint32_t vkh_resume_done(const struct vkh_resume *resume, const struct vkh_part *part);

// The next done chunk's NLL, as vkh_pass_read gives them: rows[chunk]. Sets its mark.
enum vkh_status vkh_resume_rows(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, float *rows, struct vkh_marks *marks);

// The same for each done chunk of a part that is walked over again from its beginning.
enum vkh_status vkh_resume_pass_over(struct vkh_resume *resume, const struct vkh_part *part,
                                     struct vkh_marks *marks);

// Gives the done chunks back to their pass and sets their marks. *n is how many; the stream is
// finished.
enum vkh_status vkh_resume_give(struct vkh_resume *resume, const struct vkh_part *part,
                                const struct vkh_pass *pass, struct vkh_marks *marks, uint32_t *n);

// Records, after a chunk was, what keeping it needs. At most VKH_QUEUED_CHUNKS are recorded and not
// kept.
void vkh_resume_record(struct vkh_resume *resume, const struct vkh_part *part,
                       const struct vkh_pass *pass, uint32_t chunk);
// Writes the chunk, which the device has finished, to the checkpoint.
enum vkh_status vkh_resume_keep(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, const struct vkh_marks *marks);
// The same for one whose NLL the host has, and whose keys and values nothing reads any more.
enum vkh_status vkh_resume_keep_rows(struct vkh_resume *resume, const struct vkh_part *part,
                                     uint32_t chunk, float *rows, const struct vkh_marks *marks);

#endif
