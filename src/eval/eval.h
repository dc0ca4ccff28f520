// SPDX-License-Identifier: MIT
// An evaluation as it is laid out before a device is touched: the lanes (one a method), the tracks
// that walk over the text, and which tracks share their beginning.
#ifndef VKH_EVAL_EVAL_H
#define VKH_EVAL_EVAL_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"
#include "rope/schedule.h"

// When the chunks of a walk were done.
struct vkh_marks {
    uint32_t chunk, n_tokens;
    double *seconds; // [ceil(n_tokens / chunk)], since the walk began
};

// One method over the text's first n_tokens tokens. It answers the lengths
// [first_length, first_length + n_lengths): all of them, unless its schedule depends on the length.
struct vkh_track {
    uint32_t lane, group;
    uint32_t n_tokens;
    uint32_t first_length, n_lengths;
    struct vkh_schedule schedule;
    uint64_t plain_tokens;  // leading tokens that the baseline places alike
    float *nll;             // [n_tokens], of token t given all before it; 0 at t = 0
    struct vkh_marks marks; // of what follows the group's prefix
};

// Tracks whose first prefix_tokens tokens are computed once. prefix_tokens is a multiple of
// VKH_KEY_TILE, or covers every track of the group.
struct vkh_group {
    uint32_t prefix_tokens;
    uint32_t longest; // n_tokens of its longest track
    struct vkh_marks marks;
};

struct vkh_eval {
    const struct vkh_ppl_options *options;
    uint32_t n_lanes, n_lengths, n_tracks, n_groups;
    const char **names;      // [n_lanes], canonical
    const uint32_t *lengths; // [n_lengths], ascending, without repeats
    struct vkh_track *tracks;
    struct vkh_group *groups;
    uint64_t device_tokens; // through the layers, over all tracks and prefixes
};

// Checks the options against the model and lays the evaluation out in `arena`. `rope` is the
// model's own, its original_max_len the model's context length; `options` must outlive `eval`.
enum vkh_status vkh_eval_init(const struct vkh_ppl_options *options,
                              const struct vkh_rope_setting *rope, uint32_t vocab,
                              struct vkh_arena *arena, const struct vkh_log *log,
                              struct vkh_eval *eval);

// Memory for the results, the chunk being known: NLL and marks of every track.
enum vkh_status vkh_eval_prepare(struct vkh_eval *eval, uint32_t chunk, struct vkh_arena *arena,
                                 const struct vkh_log *log);

// The track that answers a lane's length.
const struct vkh_track *vkh_eval_track(const struct vkh_eval *eval, uint32_t lane, uint32_t length);

static inline uint32_t vkh_eval_longest(const struct vkh_eval *eval)
{
    return eval->lengths[eval->n_lengths - 1];
}

#endif
