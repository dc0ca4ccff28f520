// SPDX-License-Identifier: MIT
// An evaluation as it is laid out before a device is touched: the lanes (one a method), their
// readings of the texts, the tracks that walk over a reading's windows, and which tracks share
// their beginning.
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

// One method over a text's first n_tokens tokens. It answers the lengths
// [first_length, first_length + n_lengths): all of them, unless its schedule depends on the length.
struct vkh_reading {
    uint32_t lane, text;
    uint32_t first_length, n_lengths;
    uint32_t n_tokens;
    float *nll; // [n_tokens], 0 where not scored
};

// One window of a reading: the text's n_tokens tokens from `origin` on, the first at position 0.
struct vkh_track {
    uint32_t reading, group;
    uint32_t origin, n_tokens;
    uint32_t scored_from; // of its tokens
    const struct vkh_schedule *schedule;
    uint32_t plain_tokens;  // leading tokens that the baseline places alike
    struct vkh_marks marks; // of what follows the group's prefix
};

// Tracks from one origin whose first prefix_tokens tokens are computed once. prefix_tokens is a
// multiple of VKH_KEY_TILE, or covers every track of the group. They are among the n_tracks tracks
// from first_track on, which are those from that origin.
struct vkh_group {
    uint32_t prefix_tokens;
    uint32_t longest; // n_tokens of its longest track
    uint32_t first_track, n_tracks;
    struct vkh_marks marks;
};

struct vkh_lane {
    const char *name, *applied; // canonical, and as it is on the model
    const char *why;            // it takes several passes; NULL: it does not
    struct vkh_method method;
};

struct vkh_eval {
    const struct vkh_ppl_options *options;
    struct vkh_rope_setting rope;     // the model's, with the L of the options
    const struct vkh_ppl_text *texts; // [n_texts]
    uint32_t n_texts, n_lanes, n_lengths, n_sweeps;
    struct vkh_lane *lanes;
    struct vkh_ppl_sweep *sweeps; // `best` to be filled
    const uint32_t *lengths;      // [n_lengths], ascending, without repeats
    struct vkh_reading *readings;
    struct vkh_track *tracks; // by text, then by origin
    struct vkh_group *groups;
    uint32_t n_readings, n_tracks, n_groups;
    uint64_t device_tokens; // through the layers, over all tracks and prefixes
};

// Checks the options against the model and lays the evaluation out in `arena`. `rope` is the
// model's own, its original_max_len the model's context length; `options`, and what `rope` points
// to, must outlive `eval`.
enum vkh_status vkh_eval_init(const struct vkh_ppl_options *options,
                              const struct vkh_rope_setting *rope, uint32_t vocab,
                              struct vkh_arena *arena, const struct vkh_log *log,
                              struct vkh_eval *eval);

// Memory for the results, the chunk being known: NLL of every reading, marks of every track.
enum vkh_status vkh_eval_prepare(struct vkh_eval *eval, uint32_t chunk, struct vkh_arena *arena,
                                 const struct vkh_log *log);

// The reading that answers a lane's length on a text; NULL when the text is too short.
const struct vkh_reading *vkh_eval_reading(const struct vkh_eval *eval, uint32_t text,
                                           uint32_t lane, uint32_t length);

// The one that answers the longest length the text has tokens for; NULL when it has for none.
const struct vkh_reading *vkh_eval_longest_reading(const struct vkh_eval *eval, uint32_t text,
                                                   uint32_t lane);

// How many of a text's tokens a length takes: 0 when the text is too short for it.
uint32_t vkh_eval_tokens(const struct vkh_eval *eval, uint32_t text, uint32_t length);

static inline uint32_t vkh_eval_longest(const struct vkh_eval *eval)
{
    return eval->lengths[eval->n_lengths - 1];
}

static inline uint32_t vkh_eval_text_of(const struct vkh_eval *eval, const struct vkh_track *track)
{
    return eval->readings[track->reading].text;
}

#endif
