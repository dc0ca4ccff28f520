// SPDX-License-Identifier: MIT
// Which tracks share their beginning.
#ifndef VKH_EVAL_GROUP_H
#define VKH_EVAL_GROUP_H

#include "eval/eval.h"

// Fills the groups, the tracks' group, and device_tokens. A track joins the first group from its
// origin whose first track it follows for a tile of keys or more; with options->separate none
// joins.
void vkh_eval_group(struct vkh_eval *eval);

#endif
