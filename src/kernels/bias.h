// SPDX-License-Identifier: MIT
// x[t][i] += bias[i]
#ifndef VKH_KERNELS_BIAS_H
#define VKH_KERNELS_BIAS_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/buffer.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_bias {
    struct vkh_device *device;
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_bias_create(struct vkh_device *device, struct vkh_bias *bias);

struct vkh_bias_args {
    struct vkh_range x;    // fp32 [n_tokens][width]
    struct vkh_range bias; // fp32 [width]
    uint32_t n_tokens, width;
};

void vkh_bias_record(const struct vkh_bias *bias, struct vkh_cmd *cmd,
                     const struct vkh_bias_args *args);

void vkh_bias_ref(float *x, const float *bias, uint32_t n_tokens, uint32_t width);

#endif
