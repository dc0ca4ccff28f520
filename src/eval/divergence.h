// SPDX-License-Identifier: MIT
// How far the lanes are from the one that they are compared with.
#ifndef VKH_EVAL_DIVERGENCE_H
#define VKH_EVAL_DIVERGENCE_H

#include "eval/eval.h"

// [n_lanes][n_lengths], in the arena. The divergences of every reading are there. VKH_ERR_INTERNAL,
// naming method and token, when one is not finite.
enum vkh_status vkh_eval_divergences(const struct vkh_eval *eval, struct vkh_arena *arena,
                                     const struct vkh_log *log, struct vkh_ppl_kl **kl);

#endif
