// SPDX-License-Identifier: MIT
// out[t][i] (+)= x[t][i] / sqrt(mean_i(x[t][i]^2) + eps) * weight[i], of a token or of its heads
#ifndef VKH_KERNELS_RMSNORM_H
#define VKH_KERNELS_RMSNORM_H

#include <stdbool.h>
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
    struct vkh_range out;    // as x; may be x
    uint32_t n_tokens, width;
    float eps;
    bool accumulate; // adds to out: the residual connection
    // n_heads not 0: x and out are [n_tokens][row_elements], and the n_heads vectors that lie there
    // side by side from element `first` on are taken, each of its own mean.
    uint32_t n_heads, row_elements, first;
};

void vkh_rmsnorm_record(const struct vkh_rmsnorm *norm, struct vkh_cmd *cmd,
                        const struct vkh_rmsnorm_args *args);

// The scalar truth, in double, for n_heads 0.
void vkh_rmsnorm_ref(const float *x, const float *weight, float *out, uint32_t n_tokens,
                     uint32_t width, float eps, bool accumulate);

#endif
