// SPDX-License-Identifier: MIT
#include "model/llama3_scaling.h"

#include <math.h>

void vkh_llama3_factors(const struct vkh_llama3_scaling *s, double base, uint32_t dims,
                        float *factors)
{
    for (uint32_t i = 0; i < dims / 2; i++) {
        const double theta = pow(base, -2.0 * i / dims);
        const double rotations = s->length * theta / (2.0 * 3.14159265358979323846);
        double t = (rotations - s->low) / (s->high - s->low);
        t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
        factors[i] = (float)(1.0 / ((1.0 - t) / s->factor + t));
    }
}
