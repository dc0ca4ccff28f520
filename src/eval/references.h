// SPDX-License-Identifier: MIT
// What lanes are compared with: of each reference track of one origin at a time the rows that it
// left before the final norm, kept on the device until the origin's last track; and a pass's
// divergences from them.
#ifndef VKH_EVAL_REFERENCES_H
#define VKH_EVAL_REFERENCES_H

#include "eval/walk.h"
#include "graph/compare.h"

struct vkh_reference {
    const struct vkh_track *track;
    struct vkh_buffer *rows; // fp32 [track->n_tokens][hidden]
    // Of the pass at hand: whether it makes the rows, or where it is compared with them, struct
    // vkh_ppl_token_kl [n_tokens]; NULL: it is not.
    bool made;
    struct vkh_buffer *kl;
};

struct vkh_references {
    struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    struct vkh_comparison comparison;
    struct vkh_reference *items; // [n], of the tracks from first_track's origin
    uint32_t n, first_track;
};

// The tracks that a pass serves: those of [first, first + n) that are in `group`.
struct vkh_tracks {
    const struct vkh_track *first;
    uint32_t n, group;
};

// Where nothing is compared, none of these does anything. Weights may come and go between them:
// only what references_record records reads them, the final norm with the head.
enum vkh_status vkh_references_init(struct vkh_references *references, struct vkh_eval *eval,
                                    const struct vkh_walk_target *target);
void vkh_references_fini(struct vkh_references *references);

// Before the passes of a group.
enum vkh_status vkh_references_move(struct vkh_references *references,
                                    const struct vkh_group *group);

// Around a pass. No work that uses its divergences may be under way at begin and end; read finishes
// the stream, and gives the tracks their divergences. Where a track shares the pass with its
// reference they are 0 already.
enum vkh_status vkh_references_begin(struct vkh_references *references, const struct vkh_pass *pass,
                                     const struct vkh_tracks *tracks);
enum vkh_status vkh_references_read(const struct vkh_references *references,
                                    const struct vkh_pass *pass, const struct vkh_tracks *tracks);
void vkh_references_end(struct vkh_references *references);

// After the pass's tokens [from, from + n) were recorded; `residual` is what they left before the
// final norm, fp32 [n][hidden].
void vkh_references_record(const struct vkh_references *references, const struct vkh_pass *pass,
                           struct vkh_range residual, uint32_t from, uint32_t n);

#endif
