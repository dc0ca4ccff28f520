// SPDX-License-Identifier: MIT
#include "kernels/bias.h"

void vkh_bias_ref(float *x, const float *bias, uint32_t n_tokens, uint32_t width)
{
    for (uint64_t i = 0; i < (uint64_t)n_tokens * width; i++)
        x[i] += bias[i % width];
}
