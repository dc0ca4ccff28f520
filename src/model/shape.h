// SPDX-License-Identifier: MIT
// Models without files: the shapes of well-known ones, and random weights to go with them.
#ifndef VKH_MODEL_SHAPE_H
#define VKH_MODEL_SHAPE_H

#include <stdint.h>
#include <vkhrope/model.h>

#include "base/dtype.h"
#include "model/config.h"

// NULL past the last. `name` of each is what vkh_shape_find takes.
const struct vkh_config *vkh_shape_at(uint32_t index);

// NULL when there is none of that name.
const struct vkh_config *vkh_shape_find(const char *name);

// A model of that shape, to be closed by vkh_model_close. Its matrices are of `type` and share one
// block of random numbers, as large as the largest of them, scaled so that activations stay near 1;
// vectors are F32. The same arguments give the same weights.
//   VKH_ERR_UNSUPPORTED  an architecture, or a block format, unknown here
//   VKH_ERR_FORMAT       a matrix whose rows are no multiple of the type's block
enum vkh_status vkh_model_random(const struct vkh_config *config, enum vkh_dtype type,
                                 const struct vkh_log *log, struct vkh_model **model);

#endif
