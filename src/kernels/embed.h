// SPDX-License-Identifier: MIT
// out[t] = scale * table[ids[t]]
#ifndef VKH_KERNELS_EMBED_H
#define VKH_KERNELS_EMBED_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/weight.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_embed {
    struct vkh_device *device;
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_embed_create(struct vkh_device *device, enum vkh_dtype type,
                                 struct vkh_embed *embed);

struct vkh_embed_args {
    struct vkh_range ids; // int32 [n_tokens], each in [0, table->rows)
    const struct vkh_weight *table;
    struct vkh_range out; // fp32 [n_tokens][table->cols]
    uint32_t n_tokens;
    float scale; // 1 as a rule
};

void vkh_embed_record(const struct vkh_embed *embed, struct vkh_cmd *cmd,
                      const struct vkh_embed_args *args);

// `table` as in the file.
void vkh_embed_ref(const int32_t *ids, enum vkh_dtype type, const void *table, float *out,
                   uint64_t n_tokens, uint64_t cols, float scale);

#endif
