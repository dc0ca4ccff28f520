// SPDX-License-Identifier: MIT
// out[t][i] = act(g) * u with g = gate_up[t][i], u = gate_up[t][width + i]: SwiGLU, or GeGLU where
// act is GELU instead of SiLU.
#ifndef VKH_KERNELS_SWIGLU_H
#define VKH_KERNELS_SWIGLU_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/buffer.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

enum vkh_gate {
    VKH_GATE_SILU,      // g / (1 + exp(-g))
    VKH_GATE_GELU_TANH, // g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) / 2
};

struct vkh_swiglu {
    struct vkh_device *device;
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_swiglu_create(struct vkh_device *device, enum vkh_gate gate,
                                  struct vkh_swiglu *swiglu);

struct vkh_swiglu_args {
    struct vkh_range gate_up; // fp32 [n_tokens][2][width]
    struct vkh_range out;     // fp32 [n_tokens][width]
    uint32_t n_tokens, width;
};

void vkh_swiglu_record(const struct vkh_swiglu *swiglu, struct vkh_cmd *cmd,
                       const struct vkh_swiglu_args *args);

void vkh_swiglu_ref(enum vkh_gate gate, const float *gate_up, float *out, uint32_t n_tokens,
                    uint32_t width);

#endif
