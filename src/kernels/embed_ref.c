// SPDX-License-Identifier: MIT
#include "kernels/embed.h"

void vkh_embed_ref(const int32_t *ids, enum vkh_dtype type, const void *table, float *out,
                   uint64_t n_tokens, uint64_t cols, float scale)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t row_bytes = vkh_dtype_bytes(type, cols);
    for (uint64_t t = 0; t < n_tokens; t++)
        info->to_float((const char *)table + (uint64_t)ids[t] * row_bytes, out + t * cols, cols);
    for (uint64_t i = 0; i < n_tokens * cols; i++)
        out[i] *= scale;
}
