// SPDX-License-Identifier: MIT
// A walk that leaves a checkpoint and goes on from one.
#ifndef VKH_EVAL_RESUME_H
#define VKH_EVAL_RESUME_H

#include "base/size.h"
#include "eval/legs.h"
#include "eval/references.h"
#include "eval/walk.h"
#include "graph/pass.h"

struct vkh_resume;

// A leg in chunks.
struct vkh_part {
    uint32_t index;
    int model;
    uint32_t first, n_tokens, chunk;
    bool followed; // its keys and values are read after it
};

struct vkh_part vkh_part_of(const struct vkh_eval *eval, const struct vkh_leg *leg);

static inline uint32_t vkh_part_chunks(const struct vkh_part *part)
{
    return (uint32_t)vkh_div_up(part->n_tokens, part->chunk);
}

static inline uint32_t vkh_part_chunk_tokens(const struct vkh_part *part, uint32_t chunk)
{
    return (uint32_t)vkh_min_size(part->chunk, part->n_tokens - (uint64_t)chunk * part->chunk);
}

// Opens the target's checkpoint, which it names, and sets eval->earlier. The references must
// outlive it; around what follows they are those of the part (vkh_references_begin).
enum vkh_status vkh_resume_open(struct vkh_eval *eval, const struct vkh_walk_target *target,
                                const struct vkh_references *references,
                                struct vkh_resume **resume);
// Nothing recorded may still run.
enum vkh_status vkh_resume_close(struct vkh_resume **resume);

// How many of the part's chunks need not be walked over again.
uint32_t vkh_resume_done(const struct vkh_resume *resume, const struct vkh_part *part);

// The next done chunk, without a pass: its NLL, until the next call, as vkh_pass_read gives them,
// and its divergences. Sets its mark, and gives the references the rows that it left. *found is
// false when these did not reach the disk: the chunk and those after it are not done. Of a part all
// of whose chunks were, that is an error.
struct vkh_resumed {
    const float *nll;
    const struct vkh_ppl_token_kl *kl;
};
enum vkh_status vkh_resume_read(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, struct vkh_marks *marks,
                                struct vkh_resumed *resumed, bool *found);

// The same for each done chunk of a part that is walked over again from its beginning.
enum vkh_status vkh_resume_pass_over(struct vkh_resume *resume, const struct vkh_part *part,
                                     struct vkh_marks *marks);

// Gives the done chunks back to their pass, divergences and rows to the references, and sets their
// marks. *n is how many; the stream is finished.
enum vkh_status vkh_resume_give(struct vkh_resume *resume, const struct vkh_part *part,
                                const struct vkh_pass *pass, struct vkh_marks *marks, uint32_t *n);

// Records, after a chunk was, what keeping it needs. At most VKH_QUEUED_CHUNKS are recorded and not
// kept. Where the walk is by layers, keys and values are left out: nothing reads them any more.
void vkh_resume_record(struct vkh_resume *resume, const struct vkh_part *part,
                       const struct vkh_pass *pass, uint32_t chunk);
// Writes the chunk, which the device has finished, to the checkpoint.
enum vkh_status vkh_resume_keep(struct vkh_resume *resume, const struct vkh_part *part,
                                uint32_t chunk, const struct vkh_marks *marks);

#endif
