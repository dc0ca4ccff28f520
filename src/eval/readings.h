// SPDX-License-Identifier: MIT
// Which passes over which windows of which texts the lanes need.
#ifndef VKH_EVAL_READINGS_H
#define VKH_EVAL_READINGS_H

#include "eval/eval.h"

// Fills readings and tracks, and makes room for groups; texts, lanes and lengths are there.
enum vkh_status vkh_eval_readings(struct vkh_eval *eval, struct vkh_arena *arena,
                                  const struct vkh_log *log);

#endif
