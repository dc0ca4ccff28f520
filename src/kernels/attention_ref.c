// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>

#include "kernels/attention.h"

// Over the keys [first, end).
static void attend(const struct vkh_attention_shape *shape, const float *q, const float *k,
                   const float *v, uint64_t first, uint64_t end, double *weights, float *out)
{
    const uint32_t dim = shape->head_dim;
    double highest = -INFINITY, total = 0.0;
    for (uint64_t j = first; j < end; j++) {
        double sum = 0.0;
        for (uint32_t i = 0; i < dim; i++)
            sum += (double)q[i] * (double)k[j * dim + i];
        weights[j] = (double)shape->scale * sum;
        if (shape->soft_cap > 0)
            weights[j] = (double)shape->soft_cap * tanh(weights[j] / (double)shape->soft_cap);
        highest = fmax(highest, weights[j]);
    }
    for (uint64_t j = first; j < end; j++) {
        weights[j] = exp(weights[j] - highest);
        total += weights[j];
    }
    for (uint32_t i = 0; i < dim; i++) {
        double sum = 0.0;
        for (uint64_t j = first; j < end; j++)
            sum += weights[j] * (double)v[j * dim + i];
        out[i] = (float)(sum / total);
    }
}

void vkh_attention_ref(const struct vkh_attention_shape *shape, const float *q, const float *k,
                       const float *v, uint32_t first_token, uint32_t n_tokens, uint32_t window,
                       float *out)
{
    const uint64_t n_keys = (uint64_t)first_token + n_tokens, dim = shape->head_dim;
    double *weights = malloc(n_keys * sizeof(*weights));
    if (!weights)
        abort();
    for (uint64_t t = 0; t < n_tokens; t++) {
        const uint64_t end = first_token + t + 1;
        const uint64_t first = window && window < end ? end - window : 0;
        for (uint32_t h = 0; h < shape->n_heads; h++) {
            const uint64_t kv = h / (shape->n_heads / shape->n_kv_heads) * n_keys * dim;
            attend(shape, q + t * shape->row_elements + h * dim, k + kv, v + kv, first, end,
                   weights, out + (t * shape->n_heads + h) * dim);
        }
    }
    free(weights);
}
