// SPDX-License-Identifier: MIT
// What a model says of its rotary embedding, as methods are applied to.
#ifndef VKH_API_ROPE_SOURCE_H
#define VKH_API_ROPE_SOURCE_H

#include "model/config.h"
#include "rope/method.h"

// Stays where it was filled. Lists belong to the model.
struct vkh_rope_source {
    struct vkh_method own;
    struct vkh_rope_setting setting; // original_max_len is the model's context length
};

// VKH_ERR_FORMAT when the config's scaling is no method.
enum vkh_status vkh_rope_source_init(const struct vkh_config *config, const struct vkh_log *log,
                                     struct vkh_rope_source *source);

#endif
