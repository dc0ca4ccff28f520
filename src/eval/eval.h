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
#include "eval/checkpoint.h"
#include "rope/schedule.h"

// When the chunks of a walk were done.
struct vkh_marks {
    uint32_t chunk, n_tokens;
    double *seconds; // [ceil(n_tokens / chunk)], since the walk began
};

enum { VKH_NONE = UINT32_MAX };

// One method over a text's first n_tokens tokens. It answers the lengths
// [first_length, first_length + n_lengths): all of them, unless its schedule or that of its
// reference depends on the length.
struct vkh_reading {
    uint32_t lane, text;
    uint32_t first_length, n_lengths;
    uint32_t n_tokens;
    uint32_t reference;          // the reading that it is compared with, maybe itself, or VKH_NONE
    float *nll;                  // [n_tokens], 0 where not scored
    struct vkh_ppl_token_kl *kl; // the same; NULL without a reference
};

// One window of a reading: the text's n_tokens tokens from `origin` on, the first at position 0.
struct vkh_track {
    uint32_t reading, group;
    uint32_t origin, n_tokens;
    uint32_t scored_from; // of its tokens
    uint32_t reference;   // the track of its reading's reference over the same window, or VKH_NONE
    const struct vkh_schedule *schedule;
    uint32_t plain_tokens;  // leading tokens that the baseline places alike
    struct vkh_marks marks; // of what follows the group's prefix
};

// Tracks of one model from one origin whose first prefix_tokens tokens are computed once. A track's
// reference is in the same group or in an earlier one, and comes before it. prefix_tokens is a
// multiple of VKH_KEY_TILE, or covers every track of the group. They are among the n_tracks tracks
// from first_track on, which are those from that origin.
struct vkh_group {
    uint32_t prefix_tokens;
    uint32_t longest; // n_tokens of its longest track
    uint32_t first_track, n_tracks;
    struct vkh_marks marks;
};

// The table's model, and another one that it is compared with.
enum { VKH_OWN, VKH_OTHER, VKH_N_MODELS };

struct vkh_lane {
    const char *name, *applied; // canonical, and as it is on the model
    const char *why;            // it takes several passes; NULL: it does not
    struct vkh_method method;
};

struct vkh_eval {
    const struct vkh_ppl_options *options;
    struct vkh_rope_setting ropes[VKH_N_MODELS]; // the models', with the L of the options
    const struct vkh_ppl_text *texts;            // [n_texts]
    uint32_t n_texts, n_lanes, n_lengths, n_sweeps;
    struct vkh_ppl_block block; // which of the options' texts and methods these are
    // The lane that all are compared with, or VKH_NONE: one of the lanes, or, on the other model or
    // another part's, lanes[n_lanes], which the table does not show.
    uint32_t reference;
    struct vkh_lane *lanes;
    struct vkh_ppl_sweep *sweeps; // `best` to be filled
    const uint32_t *lengths;      // [n_lengths], ascending, without repeats
    struct vkh_reading *readings;
    struct vkh_track *tracks; // by text, then by origin
    struct vkh_group *groups;
    uint32_t n_readings, n_tracks, n_groups;
    uint64_t device_tokens;   // through the layers, over all tracks and prefixes
    struct vkh_spent earlier; // by the runs that the checkpoint tells of
    // Said of numbers that are not finite: the models' names, and what helps; NULL: nothing does.
    const char *models[VKH_N_MODELS], *remedy;
};

// Checks the options against the model and lays the evaluation out in `arena`. `rope` is the
// model's own, its original_max_len the model's context length; `other` is that of
// options->kl_model, where there is one. `options`, and what the settings point to, must outlive
// `eval`.
enum vkh_status vkh_eval_init(const struct vkh_ppl_options *options,
                              const struct vkh_rope_setting *rope,
                              const struct vkh_rope_setting *other, uint32_t vocab,
                              struct vkh_arena *arena, const struct vkh_log *log,
                              struct vkh_eval *eval);

// Memory for the results, the models' chunks being known: NLL of every reading, marks of every
// track.
enum vkh_status vkh_eval_prepare(struct vkh_eval *eval, const uint32_t chunks[VKH_N_MODELS],
                                 struct vkh_arena *arena, const struct vkh_log *log);

// The reading that answers a lane's length on a text; NULL when the text is too short.
const struct vkh_reading *vkh_eval_reading(const struct vkh_eval *eval, uint32_t text,
                                           uint32_t lane, uint32_t length);

// The one that answers the longest length the text has tokens for; NULL when it has for none.
const struct vkh_reading *vkh_eval_longest_reading(const struct vkh_eval *eval, uint32_t text,
                                                   uint32_t lane);

// How many of a text's tokens a length takes: 0 when the text is too short for it.
uint32_t vkh_eval_tokens(const struct vkh_eval *eval, uint32_t text, uint32_t length);
// The same of the longest length that the text reaches.
uint32_t vkh_eval_tokens_used(const struct vkh_eval *eval, uint32_t text);

static inline uint32_t vkh_eval_longest(const struct vkh_eval *eval)
{
    return eval->lengths[eval->n_lengths - 1];
}

static inline bool vkh_track_scores(const struct vkh_track *track, uint32_t t)
{
    return t >= track->scored_from && t < track->n_tokens;
}

// Which of the models a lane is of.
static inline int vkh_eval_model(const struct vkh_eval *eval, uint32_t lane)
{
    return lane < eval->n_lanes || !eval->options->kl_model ? VKH_OWN : VKH_OTHER;
}

static inline int vkh_eval_model_of(const struct vkh_eval *eval, const struct vkh_track *track)
{
    return vkh_eval_model(eval, eval->readings[track->reading].lane);
}

// Lanes that are walked: the table's, and a reference beside them.
static inline uint32_t vkh_eval_all_lanes(const struct vkh_eval *eval)
{
    return eval->n_lanes + (eval->reference == eval->n_lanes);
}

static inline uint32_t vkh_eval_text_of(const struct vkh_eval *eval, const struct vkh_track *track)
{
    return eval->readings[track->reading].text;
}

#endif
