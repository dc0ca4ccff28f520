// SPDX-License-Identifier: MIT
// The element types of weights.
#ifndef VKH_BASE_DTYPE_H
#define VKH_BASE_DTYPE_H

#include <stdint.h>

// TYPE(NAME, name) for every one of GGUF's block formats, and for every element type; the lower
// name is the one of its shaders.
#define VKH_BLOCK_DTYPES(TYPE)                                                                     \
    TYPE(Q4_0, q4_0)                                                                               \
    TYPE(Q4_1, q4_1)                                                                               \
    TYPE(Q5_0, q5_0)                                                                               \
    TYPE(Q5_1, q5_1)                                                                               \
    TYPE(Q8_0, q8_0)                                                                               \
    TYPE(Q2_K, q2_k)                                                                               \
    TYPE(Q3_K, q3_k)                                                                               \
    TYPE(Q4_K, q4_k)                                                                               \
    TYPE(Q5_K, q5_k)                                                                               \
    TYPE(Q6_K, q6_k)                                                                               \
    TYPE(IQ4_NL, iq4_nl)                                                                           \
    TYPE(IQ4_XS, iq4_xs)
#define VKH_DTYPES(TYPE)                                                                           \
    TYPE(F32, f32)                                                                                 \
    TYPE(F16, f16)                                                                                 \
    TYPE(BF16, bf16)                                                                               \
    VKH_BLOCK_DTYPES(TYPE)

enum vkh_dtype {
#define VKH_DTYPE_ENUM(NAME, name) VKH_##NAME,
    VKH_DTYPES(VKH_DTYPE_ENUM)
#undef VKH_DTYPE_ENUM
    // not a type
    VKH_N_DTYPES
};

struct vkh_dtype_info {
    const char *name;
    uint32_t block_elements;
    uint32_t block_bytes;
    // Dequantises n elements, a multiple of block_elements; `src` needs no alignment.
    void (*to_float)(const void *src, float *dst, uint64_t n);
};

const struct vkh_dtype_info *vkh_dtype_info(enum vkh_dtype type);

// Bytes of n elements, a multiple of block_elements.
uint64_t vkh_dtype_bytes(enum vkh_dtype type, uint64_t n);

#endif
