// SPDX-License-Identifier: MIT
// The lanes of an evaluation, from the methods and sweeps that were asked for.
#ifndef VKH_EVAL_LANES_H
#define VKH_EVAL_LANES_H

#include "eval/eval.h"

// Fills lanes, sweeps and reference; eval->options, ropes and n_lengths are there. A method given
// twice is VKH_ERR_ARGUMENT, unless a sweep gives it.
enum vkh_status vkh_eval_lanes(struct vkh_eval *eval, struct vkh_arena *arena,
                               const struct vkh_log *log);

#endif
