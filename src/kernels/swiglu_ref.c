// SPDX-License-Identifier: MIT
#include <math.h>

#include "kernels/swiglu.h"

// GELU's (1 + tanh(u)) / 2 is 1 / (1 + exp(-2 u)), which keeps its digits far on the negative side.
static double act(enum vkh_gate gate, double x)
{
    static const double PI = 3.14159265358979323846;
    const double u = sqrt(2.0 / PI) * (x + 0.044715 * x * x * x);
    return x / (1.0 + exp(gate == VKH_GATE_GELU_TANH ? -2.0 * u : -x));
}

void vkh_swiglu_ref(enum vkh_gate gate, const float *gate_up, float *out, uint32_t n_tokens,
                    uint32_t width)
{
    for (uint32_t t = 0; t < n_tokens; t++) {
        const float *gates = gate_up + 2 * (uint64_t)t * width, *ups = gates + width;
        for (uint32_t i = 0; i < width; i++) {
            const double product = act(gate, (double)gates[i]) * (double)ups[i];
            out[(uint64_t)t * width + i] = (float)product;
        }
    }
}
