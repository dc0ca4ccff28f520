// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <string.h>

#include "base/half.h"

static void fill_block(uint64_t *state, enum vkh_dtype type, uint8_t *to, float scale)
{
    const float value = scale * vkh_random_uniform(state);
    const uint16_t half = vkh_to_half(value), bf16 = (uint16_t)(vkh_float_bits(value) >> 16);
    const uint16_t step = vkh_to_half(scale / 127.0f);
    switch (type) {
    case VKH_F32:
        memcpy(to, &value, 4);
        break;
    case VKH_F16:
        memcpy(to, &half, 2);
        break;
    case VKH_BF16:
        memcpy(to, &bf16, 2);
        break;
    case VKH_Q8_0:
        memcpy(to, &step, 2);
        for (int i = 2; i < 34; i++)
            to[i] = (uint8_t)(vkh_random(state) >> 56);
        break;
    }
}

void vkh_random_fill(uint64_t *state, enum vkh_dtype type, void *to, uint64_t n, float scale)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    uint8_t *block = to;
    for (uint64_t i = 0; i < n; i += info->block_elements, block += info->block_bytes)
        fill_block(state, type, block, scale);
}
