// SPDX-License-Identifier: MIT
// NLL against position.
#ifndef VKH_EVAL_CURVE_H
#define VKH_EVAL_CURVE_H

#include "eval/eval.h"

// Everything lives in the arena. The NLL of every reading is there.
enum vkh_status vkh_eval_curves(const struct vkh_eval *eval, struct vkh_arena *arena,
                                const struct vkh_log *log, struct vkh_ppl_curve curves[VKH_CURVES]);

#endif
