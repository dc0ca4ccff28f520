// SPDX-License-Identifier: MIT
// Llama 3.1's extension of its rotary frequencies, as part of a model's own description.
#ifndef VKH_MODEL_LLAMA3_SCALING_H
#define VKH_MODEL_LLAMA3_SCALING_H

#include <stdint.h>

struct vkh_llama3_scaling {
    double factor;
    double low, high; // rotations within `length` at which scaling is whole, and at which it ends
    double length;    // tokens before the extension
};

// factors[i], i < dims / 2: what theta_i = base^(-2i/dims) is divided by. With w = 2 pi / theta:
// 1 where w < length / high, `factor` where w > length / low, and between them the inverse of
// (1 - t) / factor + t with t = (length / w - low) / (high - low).
void vkh_llama3_factors(const struct vkh_llama3_scaling *scaling, double base, uint32_t dims,
                        float *factors);

#endif
