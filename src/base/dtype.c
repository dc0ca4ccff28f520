// SPDX-License-Identifier: MIT
#include "base/dtype.h"

#include <string.h>

#include "base/blocks.h"
#include "base/half.h"

static void f32_to_float(const void *src, float *dst, uint64_t n)
{
    memcpy(dst, src, n * sizeof(float));
}

static void f16_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *bytes = src;
    for (uint64_t i = 0; i < n; i++)
        dst[i] = vkh_from_half(vkh_load16(bytes + 2 * i));
}

static void bf16_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *bytes = src;
    for (uint64_t i = 0; i < n; i++)
        dst[i] = vkh_from_bf16(vkh_load16(bytes + 2 * i));
}

const struct vkh_dtype_info *vkh_dtype_info(enum vkh_dtype type)
{
    static const struct vkh_dtype_info table[VKH_N_DTYPES] = {
        [VKH_F32] = {"F32", 1, 4, f32_to_float},
        [VKH_F16] = {"F16", 1, 2, f16_to_float},
        [VKH_BF16] = {"BF16", 1, 2, bf16_to_float},
        [VKH_Q4_0] = {"Q4_0", 32, 18, vkh_q4_0_to_float},
        [VKH_Q4_1] = {"Q4_1", 32, 20, vkh_q4_1_to_float},
        [VKH_Q5_0] = {"Q5_0", 32, 22, vkh_q5_0_to_float},
        [VKH_Q5_1] = {"Q5_1", 32, 24, vkh_q5_1_to_float},
        [VKH_Q8_0] = {"Q8_0", 32, 34, vkh_q8_0_to_float},
        [VKH_Q2_K] = {"Q2_K", 256, 84, vkh_q2_k_to_float},
        [VKH_Q3_K] = {"Q3_K", 256, 110, vkh_q3_k_to_float},
        [VKH_Q4_K] = {"Q4_K", 256, 144, vkh_q4_k_to_float},
        [VKH_Q5_K] = {"Q5_K", 256, 176, vkh_q5_k_to_float},
        [VKH_Q6_K] = {"Q6_K", 256, 210, vkh_q6_k_to_float},
        [VKH_IQ4_NL] = {"IQ4_NL", 32, 18, vkh_iq4_nl_to_float},
        [VKH_IQ4_XS] = {"IQ4_XS", 256, 136, vkh_iq4_xs_to_float},
    };
    return &table[type];
}

uint64_t vkh_dtype_bytes(enum vkh_dtype type, uint64_t n)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    return n / info->block_elements * info->block_bytes;
}
