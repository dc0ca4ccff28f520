// SPDX-License-Identifier: MIT
// out[t][i] = g / (1 + exp(-g)) * u with g = gate_up[t][i], u = gate_up[t][width + i]
#ifndef VKH_KERNELS_SWIGLU_H
#define VKH_KERNELS_SWIGLU_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/buffer.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_swiglu {
    struct vkh_device *device;
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_swiglu_create(struct vkh_device *device, struct vkh_swiglu *swiglu);

struct vkh_swiglu_args {
    struct vkh_range gate_up; // fp32 [n_tokens][2][width]
    struct vkh_range out;     // fp32 [n_tokens][width]
    uint32_t n_tokens, width;
};

void vkh_swiglu_record(const struct vkh_swiglu *swiglu, struct vkh_cmd *cmd,
                       const struct vkh_swiglu_args *args);

void vkh_swiglu_ref(const float *gate_up, float *out, uint32_t n_tokens, uint32_t width);

#endif
