// SPDX-License-Identifier: MIT
// What every walk does with what it has: it tells the caller how far it is, and gives the tracks
// their NLL.
#ifndef VKH_EVAL_DELIVER_H
#define VKH_EVAL_DELIVER_H

#include "eval/references.h"
#include "eval/resume.h"
#include "eval/walk.h"

struct vkh_walk {
    struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    struct vkh_references references;
    struct vkh_resume *resume; // NULL: no checkpoint
    uint64_t done, resumed;    // tokens
};

// Tells the caller that n more tokens are done. VKH_ERR_CANCELLED when it says so.
enum vkh_status vkh_walk_advance(struct vkh_walk *walk, const char *name, uint32_t n);

// Gives every one of the tracks the NLL of tokens [first, first + n), each of which scores the
// token after it.
struct vkh_scores {
    uint32_t first, n;
    const float *rows;
};
void vkh_walk_deliver(const struct vkh_walk *walk, const struct vkh_tracks *tracks,
                      const struct vkh_scores *scores);

// Host memory for n tokens' NLL, the caller's to free; NULL when there is none, which is told.
float *vkh_walk_rows(const struct vkh_walk *walk, uint32_t n);

// Tells the caller that n tokens had been done by an earlier run.
enum vkh_status vkh_walk_skip(struct vkh_walk *walk, const char *name, uint32_t n);

// Whether an earlier run did all of the part.
bool vkh_walk_is_done(const struct vkh_walk *walk, const struct vkh_part *part);

// Before the parts of a leg's group, and before what an earlier run did of them is taken up.
enum vkh_status vkh_walk_move(struct vkh_walk *walk, const struct vkh_leg *leg);

// Delivers what an earlier run computed of a whole part, and sets the marks.
enum vkh_status vkh_walk_replay(struct vkh_walk *walk, const struct vkh_part *part,
                                const struct vkh_tracks *tracks, const char *name,
                                struct vkh_marks *marks);

#endif
