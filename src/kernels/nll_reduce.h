// SPDX-License-Identifier: MIT
// nll[t] = log(sum exp) - target's logit, from parts of a vocabulary: scratch holds fp32
// [n_parts][n_tokens][maximum, sum of exp(logit - maximum)], then the targets' logits [n_tokens].
#ifndef VKH_KERNELS_NLL_REDUCE_H
#define VKH_KERNELS_NLL_REDUCE_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/buffer.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_nll_reduce {
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_nll_reduce_create(struct vkh_device *device, struct vkh_nll_reduce *reduce);

struct vkh_nll_reduce_args {
    struct vkh_range scratch;
    struct vkh_range targets; // int32 [n_tokens]; -1: not scored, nll 0
    struct vkh_range nll;     // fp32 [n_tokens]
    uint32_t n_tokens, n_parts;
};

void vkh_nll_reduce_record(const struct vkh_nll_reduce *reduce, struct vkh_cmd *cmd,
                           const struct vkh_nll_reduce_args *args);

static inline uint64_t vkh_nll_scratch_bytes(uint64_t n_parts, uint64_t n_tokens)
{
    return (2 * n_parts + 1) * n_tokens * sizeof(float);
}

#endif
