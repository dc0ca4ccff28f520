// SPDX-License-Identifier: MIT
#include <math.h>

#include "kernels/swiglu.h"

void vkh_swiglu_ref(const float *gate_up, float *out, uint32_t n_tokens, uint32_t width)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        const float *gates = gate_up + 2 * (uint64_t)t * width, *ups = gates + width;
        for (uint32_t i = 0; i < width; i++) {
            const double gate = (double)gates[i];
            out[(uint64_t)t * width + i] = (float)(gate / (1.0 + exp(-gate)) * (double)ups[i]);
        }
    }
}
