// SPDX-License-Identifier: MIT
// out[t][i] = x[t][i] / sqrt(mean_i(x[t][i]^2) + eps) * weight[i]
#ifndef VKH_KERNELS_RMSNORM_H
#define VKH_KERNELS_RMSNORM_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/buffer.h"
#include "kernels/variant.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_rmsnorm {
    struct vkh_device *device;
    const struct vkh_variant *variant;
    const struct vkh_pipeline *pipeline;
};

const struct vkh_variant *vkh_rmsnorm_variants(uint32_t *n);

enum vkh_status vkh_rmsnorm_create(struct vkh_device *device, const struct vkh_variant *variant,
                                   struct vkh_rmsnorm *norm);

struct vkh_rmsnorm_args {
    struct vkh_range x;      // fp32 [n_tokens][width]
    struct vkh_range weight; // fp32 [width]
    struct vkh_range out;    // fp32 [n_tokens][width]; not x
    uint32_t n_tokens, width;
    float eps;
};

void vkh_rmsnorm_record(const struct vkh_rmsnorm *norm, struct vkh_cmd *cmd,
                        const struct vkh_rmsnorm_args *args);

void vkh_rmsnorm_ref(const float *x, const float *weight, float *out, uint32_t n_tokens,
                     uint32_t width, float eps);

#endif
