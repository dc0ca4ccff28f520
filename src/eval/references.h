// SPDX-License-Identifier: MIT
// What lanes are compared with: of each reference track of one origin at a time the rows that it
// left before the final norm, kept on the device until the origin's last track; and a part's
// divergences from them.
//
// A checkpoint keeps both: a chunk's divergences with its NLL, and the rows that it left, for the
// methods after it, until the origin's last part is done. A walk that goes on from it computes no
// reference again.
#ifndef VKH_EVAL_REFERENCES_H
#define VKH_EVAL_REFERENCES_H

#include "eval/walk.h"
#include "graph/compare.h"
#include "graph/snapshot.h"

// The tracks that a part serves: those of [first, first + n) that are in `group`.
struct vkh_tracks {
    const struct vkh_track *first;
    uint32_t n, group;
};

struct vkh_reference {
    const struct vkh_track *track;
    struct vkh_buffer *rows; // fp32 [track->n_tokens][hidden]; NULL: no longer needed
    uint64_t before;         // bytes of the rows of the items before it
    // Of the part at hand: whether it makes the rows, or is compared with them; and of a pass its
    // divergences, struct vkh_ppl_token_kl [n_tokens], NULL where there are none.
    bool made, compared;
    struct vkh_buffer *kl;
};

struct vkh_references {
    struct vkh_eval *eval;
    const struct vkh_walk_target *target;
    struct vkh_comparison comparison;
    struct vkh_reference *items; // [n], of the tracks from first_track's origin
    uint32_t n, first_track;
    struct vkh_tracks tracks; // of the part at hand, and its first token
    uint32_t first_token;
};

// Where nothing is compared, none of these does anything. Weights may come and go between them:
// only what references_record records reads them, the final norm with the head.
enum vkh_status vkh_references_init(struct vkh_references *references, struct vkh_eval *eval,
                                    const struct vkh_walk_target *target);
void vkh_references_fini(struct vkh_references *references);

// Before the parts of a group of another origin. `done`: an earlier run did all of them, and
// nothing is compared with their references any more.
enum vkh_status vkh_references_move(struct vkh_references *references,
                                    const struct vkh_group *group, bool done);
// Bytes of the rows of all references of a group's origin; *n counts them.
uint64_t vkh_references_origin_bytes(const struct vkh_eval *eval,
                                     const struct vkh_walk_target *target,
                                     const struct vkh_group *group, uint32_t *n);

// Around a part, which begins at a token of the tracks that it serves. `pass`, of the part, may be
// NULL for one that an earlier run did. No work that uses the pass's divergences may be under way
// at begin and end; read finishes the stream, and gives the tracks the pass's divergences. Where a
// track shares the part with its reference they are 0 already.
enum vkh_status vkh_references_begin(struct vkh_references *references,
                                     const struct vkh_tracks *tracks, uint32_t first_token,
                                     const struct vkh_pass *pass);
enum vkh_status vkh_references_read(const struct vkh_references *references,
                                    const struct vkh_pass *pass);
void vkh_references_end(struct vkh_references *references);

// After the pass's tokens [from, from + n) were recorded; `residual` is what they left before the
// final norm, fp32 [n][hidden].
void vkh_references_record(const struct vkh_references *references, const struct vkh_pass *pass,
                           struct vkh_range residual, uint32_t from, uint32_t n);

// What a checkpoint keeps of the tokens [token, token + n) of the part's tracks. Their divergences,
// one reference's after another's:
uint64_t vkh_references_count(const struct vkh_references *references, uint32_t token, uint32_t n);
// The pass's, from the device to the host or back.
void vkh_references_copy(const struct vkh_references *references, struct vkh_cmd *cmd,
                         uint32_t token, uint32_t n, struct vkh_range of_host,
                         enum vkh_snapshot_way way);
// Gives the tracks theirs.
void vkh_references_deliver(const struct vkh_references *references, uint32_t token, uint32_t n,
                            const struct vkh_ppl_token_kl *kl);

// And the rows that they leave, where there are later parts to be compared with them.
bool vkh_references_made(const struct vkh_references *references);
struct vkh_rows_place {
    uint64_t at, bytes; // among all rows of the origin's references; 0 bytes: none
};
struct vkh_rows_place vkh_references_rows(const struct vkh_references *references, uint32_t token,
                                          uint32_t n);
void vkh_references_copy_rows(const struct vkh_references *references, struct vkh_cmd *cmd,
                              uint32_t token, uint32_t n, const struct vkh_buffer *of_host,
                              enum vkh_snapshot_way way);

#endif
