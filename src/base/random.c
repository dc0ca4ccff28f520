// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <string.h>

#include "base/half.h"

// Where a block's fp16 scale lies, and the most that a quant multiplies it by; 0: not a block, or
// unknown.
static const struct {
    uint32_t scale;
    float most;
} blocks[VKH_N_DTYPES] = {
    [VKH_Q8_0] = {0, 128},
};

static void fill_element(uint64_t *state, enum vkh_dtype type, uint8_t *to, float scale)
{
    const float value = scale * vkh_random_uniform(state);
    const uint16_t half = vkh_to_half(value), bf16 = (uint16_t)(vkh_float_bits(value) >> 16);
    if (type == VKH_F32)
        memcpy(to, &value, 4);
    else
        memcpy(to, type == VKH_F16 ? &half : &bf16, 2);
}

static void fill_block(uint64_t *state, enum vkh_dtype type, uint8_t *to, float scale)
{
    const uint16_t step = vkh_to_half(scale / blocks[type].most);
    for (uint32_t i = 0; i < vkh_dtype_info(type)->block_bytes; i++)
        to[i] = (uint8_t)(vkh_random(state) >> 56);
    memcpy(to + blocks[type].scale, &step, 2);
}

bool vkh_random_fill(uint64_t *state, enum vkh_dtype type, void *to, uint64_t n, float scale)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    uint8_t *at = to;
    if (info->block_elements > 1 && blocks[type].most <= 0)
        return false;
    for (uint64_t i = 0; i < n; i += info->block_elements, at += info->block_bytes) {
        if (info->block_elements > 1)
            fill_block(state, type, at, scale);
        else
            fill_element(state, type, at, scale);
    }
    return true;
}
