// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "kernels/matmul.h"

void vkh_matmul_ref(const float *x, enum vkh_dtype type, const void *w, float *out,
                    uint64_t n_tokens, uint64_t rows, uint64_t cols, bool accumulate)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t row_bytes = vkh_dtype_bytes(type, cols);
    float *row = malloc(cols * sizeof(*row));
    if (!row)
        abort();
    for (uint64_t r = 0; r < rows; r++) {
        info->to_float((const char *)w + r * row_bytes, row, cols);
        for (uint64_t t = 0; t < n_tokens; t++) {
            double sum = accumulate ? (double)out[t * rows + r] : 0.0;
            for (uint64_t k = 0; k < cols; k++)
                sum += (double)x[t * cols + k] * (double)row[k];
            out[t * rows + r] = (float)sum;
        }
    }
    free(row);
}
