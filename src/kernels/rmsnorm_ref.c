// SPDX-License-Identifier: MIT
#include <math.h>

#include "kernels/rmsnorm.h"

void vkh_rmsnorm_ref(const float *x, const float *weight, float *out, uint32_t n_tokens,
                     uint32_t width, float eps, bool accumulate)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        const float *row = x + (uint64_t)t * width;
        double sum = 0.0;
        for (uint32_t i = 0; i < width; i++)
            sum += (double)row[i] * (double)row[i];
        const double scale = 1.0 / sqrt(sum / width + (double)eps);
        for (uint32_t i = 0; i < width; i++) {
            float *to = &out[(uint64_t)t * width + i];
            const double before = accumulate ? (double)*to : 0.0;
            *to = (float)(before + (double)row[i] * scale * (double)weight[i]);
        }
    }
}
