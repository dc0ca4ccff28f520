// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>

#include "kernels/head_nll.h"

static double dot(const float *a, const float *b, uint64_t n)
{
    double sum = 0.0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void vkh_head_nll_ref(const float *x, enum vkh_dtype type, const void *w, const int32_t *targets,
                      float *nll, uint64_t n_tokens, uint64_t vocab, uint64_t cols, float soft_cap)
{
    float *rows = malloc(vocab * cols * sizeof(*rows));
    double *logits = malloc(vocab * sizeof(*logits));
    if (!rows || !logits)
        abort();
    vkh_dtype_info(type)->to_float(w, rows, vocab * cols);
    for (uint64_t t = 0; t < n_tokens; t++) {
        nll[t] = 0.0f;
        if (targets[t] < 0)
            continue;
        double highest = -INFINITY, sum = 0.0;
        for (uint64_t v = 0; v < vocab; v++) {
            logits[v] = dot(x + t * cols, rows + v * cols, cols);
            if (soft_cap > 0)
                logits[v] = (double)soft_cap * tanh(logits[v] / (double)soft_cap);
            highest = fmax(highest, logits[v]);
        }
        for (uint64_t v = 0; v < vocab; v++)
            sum += exp(logits[v] - highest);
        nll[t] = (float)(highest + log(sum) - logits[targets[t]]);
    }
    free(rows);
    free(logits);
}
