// SPDX-License-Identifier: MIT
// A walk by layers: batches of legs, of each batch every chunk through one layer and then through
// the next. A batch ends with its NLL, and is what a checkpoint keeps.
#ifndef VKH_EVAL_LAYERS_H
#define VKH_EVAL_LAYERS_H

#include "eval/deliver.h"

// As vkh_eval_walk, on graphs whose plans are layered.
enum vkh_status vkh_layers_walk(struct vkh_walk *walk);

#endif
