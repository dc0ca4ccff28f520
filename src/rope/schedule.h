// SPDX-License-Identifier: MIT
// A method applied to a model: where each token of a lane stands, and how fast each pair turns.
#ifndef VKH_ROPE_SCHEDULE_H
#define VKH_ROPE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/arena.h"
#include "rope/method.h"

struct vkh_schedule {
    struct vkh_method method; // resolved
    bool is_own;              // frequencies and scale are the model's own, no term's of the method
    struct vkh_rope_setting setting;
    uint32_t n_frequencies;    // setting.dims / 2
    const double *frequencies; // radians a token
    double attention_scale;    // multiplies cos and sin
    // Of layers with a rope of their own: local_base^(-2i/d), multiplied by nothing. NULL: none.
    const double *local_frequencies;
};

// theta_i = b^(-2i/d), then the method's terms. Layers with a rope of their own keep their
// frequencies, for they see no further than they learned to; positions are the same in every layer.
// Lives in the arena; VKH_ERR_MEMORY, and what a term needs and does not find.
enum vkh_status vkh_schedule_init(const struct vkh_method *method,
                                  const struct vkh_rope_setting *setting, struct vkh_arena *arena,
                                  const struct vkh_log *log, struct vkh_schedule *schedule);

// Whether the kernels can compute with it: frequencies, scale, and the positions of n_tokens
// tokens, 1 or more. VKH_ERR_ARGUMENT, or VKH_ERR_UNSUPPORTED where the model's own scaling is what
// is out of range. `name` is the method's, for the message.
enum vkh_status vkh_schedule_check(const struct vkh_schedule *schedule, const char *name,
                                   uint64_t n_tokens, const struct vkh_log *log);

double vkh_schedule_position(const struct vkh_schedule *schedule, uint64_t token);

// Whether both turn alike to the last bit: frequencies and scale.
bool vkh_schedule_same_turns(const struct vkh_schedule *a, const struct vkh_schedule *b);

// How many of the first `limit` tokens, counted from token 0, both place alike to the last bit:
// positions, frequencies and scale.
uint64_t vkh_schedule_common_prefix(const struct vkh_schedule *a, const struct vkh_schedule *b,
                                    uint64_t limit);

#endif
