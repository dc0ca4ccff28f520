// SPDX-License-Identifier: MIT
#include "base/dtype.h"

#include <string.h>

#include "base/half.h"

static uint16_t load16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void f32_to_float(const void *src, float *dst, uint64_t n)
{
    memcpy(dst, src, n * sizeof(float));
}

static void f16_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *bytes = src;
    for (uint64_t i = 0; i < n; i++)
        dst[i] = vkh_from_half(load16(bytes + 2 * i));
}

static void bf16_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *bytes = src;
    for (uint64_t i = 0; i < n; i++)
        dst[i] = vkh_from_bf16(load16(bytes + 2 * i));
}

static void q8_0_to_float(const void *src, float *dst, uint64_t n)
{
    const uint8_t *block = src;
    for (uint64_t i = 0; i < n; i += 32, block += 34) {
        const float scale = vkh_from_half(load16(block));
        for (uint64_t j = 0; j < 32; j++)
            dst[i + j] = scale * (float)(int8_t)block[2 + j];
    }
}

const struct vkh_dtype_info *vkh_dtype_info(enum vkh_dtype type)
{
    static const struct vkh_dtype_info table[] = {
        [VKH_F32] = {"F32", 1, 4, f32_to_float},
        [VKH_F16] = {"F16", 1, 2, f16_to_float},
        [VKH_BF16] = {"BF16", 1, 2, bf16_to_float},
        [VKH_Q8_0] = {"Q8_0", 32, 34, q8_0_to_float},
    };
    return &table[type];
}
