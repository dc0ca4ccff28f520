// SPDX-License-Identifier: MIT
// What of an evaluation's texts and lanes is a shard's, or one device's part of a shard.
#ifndef VKH_EVAL_SHARE_H
#define VKH_EVAL_SHARE_H

#include "eval/eval.h"

// Narrows texts, lanes, sweeps and lengths, which are there in whole, to the options' shard and its
// part, and fills the block. VKH_ERR_ARGUMENT when there are more shares than texts times methods.
enum vkh_status vkh_eval_share(struct vkh_eval *eval, struct vkh_arena *arena,
                               const struct vkh_log *log);

#endif
