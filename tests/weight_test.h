// SPDX-License-Identifier: MIT
// Random weight matrices in the layout of model files, for tests of the kernels that read them.
#ifndef VKH_TESTS_WEIGHT_TEST_H
#define VKH_TESTS_WEIGHT_TEST_H

#include "base/random.h"
#include "gpu/upload.h"
#include "gpu_test.h"
#include "kernels/weight.h"

static inline uint64_t test_weight_row_bytes(enum vkh_dtype type, uint64_t cols)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    return cols / info->block_elements * info->block_bytes;
}

// Whether to test a type: all of them, or those that VKHROPE_TEST_TYPES names, as in F16,Q4_K.
static inline bool test_takes_type(enum vkh_dtype type)
{
    const char *list = getenv("VKHROPE_TEST_TYPES"), *name = vkh_dtype_info(type)->name;
    const size_t length = strlen(name);
    while (list && (strncmp(list, name, length) != 0 || (list[length] && list[length] != ','))) {
        list = strchr(list, ',');
        if (!list++)
            return false;
    }
    return true;
}

// Elements of about scale * uniform, every quant among them; the caller frees them.
static inline void *test_weight_data(uint64_t *state, enum vkh_dtype type, uint64_t rows,
                                     uint64_t cols, float scale)
{
    void *data = malloc(rows * test_weight_row_bytes(type, cols));
    if (!data)
        exit(1);
    vkh_random_fill(state, type, data, rows * cols, scale);
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
    struct vkh_upload *upload;
    if (vkh_upload_create(test->device, test->stream, 0, &upload) != VKH_OK ||
        vkh_weight_create(test->device, upload, "test", type, cols, head ? parts : parts + 1,
                          head ? 2 : 1, slice_limit, &weight) != VKH_OK)
        exit(1);
    vkh_upload_destroy(&upload);
    return weight;
}

#endif
