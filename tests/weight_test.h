// SPDX-License-Identifier: MIT
// Random weight matrices in the layout of model files, for tests of the kernels that read them.
#ifndef VKH_TESTS_WEIGHT_TEST_H
#define VKH_TESTS_WEIGHT_TEST_H

#include "base/half.h"
#include "gpu_test.h"
#include "kernels/weight.h"

static inline uint64_t test_weight_row_bytes(enum vkh_dtype type, uint64_t cols)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    return cols / info->block_elements * info->block_bytes;
}

// Where the fp16 scales of a block lie (the second 0 where there is none), and the most that a
// quant with its integer scale multiplies one by.
struct test_block {
    uint16_t scale, minimum;
    float most;
};

static inline void test_weight_block(uint64_t *state, enum vkh_dtype type, uint8_t *to, float scale)
{
    static const struct test_block blocks[VKH_N_DTYPES] = {
        [VKH_Q4_0] = {0, 0, 8},      [VKH_Q4_1] = {0, 2, 15},    [VKH_Q5_0] = {0, 0, 16},
        [VKH_Q5_1] = {0, 2, 31},     [VKH_Q8_0] = {0, 0, 128},   [VKH_Q2_K] = {80, 82, 45},
        [VKH_Q3_K] = {108, 0, 128},  [VKH_Q4_K] = {0, 2, 945},   [VKH_Q5_K] = {0, 2, 1953},
        [VKH_Q6_K] = {208, 0, 4096}, [VKH_IQ4_NL] = {0, 0, 127}, [VKH_IQ4_XS] = {0, 0, 4064},
    };
    const float value = scale * test_uniform(state);
    const uint16_t half = vkh_to_half(value), bf16 = (uint16_t)(vkh_float_bits(value) >> 16);
    const struct test_block *block = &blocks[type];
    const uint16_t scale_half = vkh_to_half(value / block->most);
    if (type == VKH_F32) {
        memcpy(to, &value, 4);
    } else if (type == VKH_F16) {
        memcpy(to, &half, 2);
    } else if (type == VKH_BF16) {
        memcpy(to, &bf16, 2);
    } else {
        for (uint32_t i = 0; i < vkh_dtype_info(type)->block_bytes; i++)
            to[i] = (uint8_t)(test_random(state) >> 56);
        if (block->minimum)
            memcpy(to + block->minimum, &scale_half, 2);
        memcpy(to + block->scale, &scale_half, 2);
    }
}

// Elements of about scale * uniform, every quant among them; the caller frees them.
static inline void *test_weight_data(uint64_t *state, enum vkh_dtype type, uint64_t rows,
                                     uint64_t cols, float scale)
{
    const uint64_t bytes = rows * test_weight_row_bytes(type, cols);
    const uint32_t block_bytes = vkh_dtype_info(type)->block_bytes;
    uint8_t *data = malloc(bytes);
    if (!data)
        exit(1);
    for (uint64_t at = 0; at < bytes; at += block_bytes)
        test_weight_block(state, type, data + at, scale);
    return data;
}

// The matrix on the device, handed over in two parts when there are rows enough. Exits when it
// cannot.
static inline struct vkh_weight test_weight(struct gpu_test *test, enum vkh_dtype type,
                                            const void *data, uint64_t rows, uint64_t cols,
                                            uint64_t slice_limit)
{
    const uint64_t head = rows / 3;
    const struct vkh_weight_part parts[] = {
        {data, head},
        {(const char *)data + head * test_weight_row_bytes(type, cols), rows - head},
    };
    struct vkh_weight weight;
    if (vkh_weight_create(test->device, test->stream, "test", type, cols, head ? parts : parts + 1,
                          head ? 2 : 1, slice_limit, &weight) != VKH_OK)
        exit(1);
    return weight;
}

#endif
