// SPDX-License-Identifier: MIT
// The element types of weights.
#ifndef VKH_BASE_DTYPE_H
#define VKH_BASE_DTYPE_H

#include <stdint.h>

enum vkh_dtype {
    VKH_F32,
    VKH_F16,
    VKH_BF16,
    VKH_Q8_0, // blocks of 32: one fp16 scale, 32 int8 (GGUF)
};
enum { VKH_N_DTYPES = VKH_Q8_0 + 1 };

struct vkh_dtype_info {
    const char *name;
    uint32_t block_elements;
    uint32_t block_bytes;
    // Dequantises n elements, a multiple of block_elements; `src` needs no alignment.
    void (*to_float)(const void *src, float *dst, uint64_t n);
};

const struct vkh_dtype_info *vkh_dtype_info(enum vkh_dtype type);

#endif
