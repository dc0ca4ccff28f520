// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <string.h>

#include "base/half.h"

// Where the fp16 scales of a block lie; what random quants at scale 1 are like uniform numbers
// below; and the minimum that centres them. 0: there is none.
static const struct {
    uint16_t scale, minimum;
    float spread, centre;
} blocks[VKH_N_DTYPES] = {
    [VKH_Q4_0] = {0, 0, 8, 0},       [VKH_Q4_1] = {0, 2, 8, -7.5f},
    [VKH_Q5_0] = {0, 0, 16, 0},      [VKH_Q5_1] = {0, 2, 16, -15.5f},
    [VKH_Q8_0] = {0, 0, 128, 0},     [VKH_Q2_K] = {80, 82, 24, 1.5f},
    [VKH_Q3_K] = {108, 0, 75, 0},    [VKH_Q4_K] = {0, 2, 447, 7.5f},
    [VKH_Q5_K] = {0, 2, 911, 15.5f}, [VKH_Q6_K] = {208, 0, 2365, 0},
    [VKH_IQ4_NL] = {0, 0, 117, 0},   [VKH_IQ4_XS] = {0, 0, 2161, 0},
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

// Any quants; a scale of the block's own, of either sign.
static void fill_block(uint64_t *state, enum vkh_dtype type, uint8_t *to, float scale)
{
    const float sign = vkh_random(state) >> 63 ? -1.0f : 1.0f;
    const float step = sign * scale / blocks[type].spread * (1 + 0.1f * vkh_random_uniform(state));
    const uint16_t half = vkh_to_half(step), minimum = vkh_to_half(step * blocks[type].centre);
    for (uint32_t i = 0; i < vkh_dtype_info(type)->block_bytes; i++)
        to[i] = (uint8_t)(vkh_random(state) >> 56);
    if (blocks[type].minimum)
        memcpy(to + blocks[type].minimum, &minimum, 2);
    memcpy(to + blocks[type].scale, &half, 2);
}

void vkh_random_fill(uint64_t *state, enum vkh_dtype type, void *to, uint64_t n, float scale)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    uint8_t *at = to;
    for (uint64_t i = 0; i < n; i += info->block_elements, at += info->block_bytes) {
        if (info->block_elements > 1)
            fill_block(state, type, at, scale);
        else
            fill_element(state, type, at, scale);
    }
}
