// SPDX-License-Identifier: MIT
#include "kernels/weight.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"

enum {
    ROW_ALIGN_WORDS = 4,    // rows start at 16 bytes
    SLICE_ALIGN_ROWS = 512, // head_nll counts in these
};
static const uint64_t MAX_SLICE_BYTES = (uint64_t)1 << 30;
// Kernels have a workgroup for every 64 rows.
static const uint64_t MAX_SLICE_ROWS = (uint64_t)1 << 21;

// A plane of a row: these bytes of each of its blocks, one block after another.
struct plane {
    uint16_t from, bytes;
};

enum { MAX_PLANES = 4 };

// The planes of each type in the order of the device. Quants come first, at the row's alignment.
static const struct plane planes[VKH_N_DTYPES][MAX_PLANES] = {
    [VKH_F32] = {{0, 4}},
    [VKH_F16] = {{0, 2}},
    [VKH_BF16] = {{0, 2}},
    [VKH_Q4_0] = {{2, 16}, {0, 2}},
    [VKH_Q4_1] = {{4, 16}, {0, 4}},
    [VKH_Q5_0] = {{6, 16}, {2, 4}, {0, 2}},
    [VKH_Q5_1] = {{8, 16}, {4, 4}, {0, 4}},
    [VKH_Q8_0] = {{2, 32}, {0, 2}},
    [VKH_Q2_K] = {{16, 64}, {0, 16}, {80, 4}},
    [VKH_Q3_K] = {{32, 64}, {0, 32}, {96, 12}, {108, 2}},
    [VKH_Q4_K] = {{16, 128}, {4, 12}, {0, 4}},
    [VKH_Q5_K] = {{48, 128}, {16, 32}, {4, 12}, {0, 4}},
    [VKH_Q6_K] = {{0, 128}, {128, 64}, {192, 16}, {208, 2}},
    [VKH_IQ4_NL] = {{2, 16}, {0, 2}},
    [VKH_IQ4_XS] = {{8, 128}, {4, 4}, {0, 4}},
};

static uint64_t plane_words(const struct plane *plane, uint64_t n_blocks)
{
    return vkh_div_up(n_blocks * plane->bytes, 4);
}

uint64_t vkh_weight_row_words(enum vkh_dtype type, uint64_t cols)
{
    const uint64_t n_blocks = cols / vkh_dtype_info(type)->block_elements;
    uint64_t words = 0;
    for (uint32_t i = 0; i < MAX_PLANES; i++)
        words += plane_words(&planes[type][i], n_blocks);
    return vkh_round_up(words, ROW_ALIGN_WORDS);
}

uint64_t vkh_weight_bytes(enum vkh_dtype type, uint64_t rows, uint64_t cols)
{
    return rows * vkh_weight_row_words(type, cols) * 4;
}

void vkh_weight_pack_row(enum vkh_dtype type, const void *row, void *packed, uint64_t cols)
{
    const uint8_t *from = row;
    uint8_t *to = packed;
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t n_blocks = cols / info->block_elements;
    if (planes[type][0].bytes == info->block_bytes) {
        memcpy(to, from, n_blocks * info->block_bytes);
        return;
    }
    for (uint32_t i = 0; i < MAX_PLANES; i++) {
        const struct plane *plane = &planes[type][i];
        for (uint64_t block = 0; block < n_blocks; block++)
            memcpy(to + block * plane->bytes, from + block * info->block_bytes + plane->from,
                   plane->bytes);
        to += 4 * plane_words(plane, n_blocks);
    }
}

// Where row `index` of the stacked parts lies.
static const uint8_t *find_row(const struct vkh_weight_part *parts, uint64_t index,
                               uint64_t file_row_bytes)
{
    while (index >= parts->rows)
        index -= parts++->rows;
    return (const uint8_t *)parts->data + index * file_row_bytes;
}

static enum vkh_status upload_slice(struct vkh_upload *upload, const struct vkh_weight *weight,
                                    const struct vkh_weight_slice *slice,
                                    const struct vkh_weight_part *parts)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(weight->type);
    const uint64_t file_row_bytes = weight->cols / info->block_elements * info->block_bytes;
    const uint64_t row_bytes = (uint64_t)weight->row_words * 4;
    const uint64_t rows_at_once = vkh_max_size(VKH_UPLOAD_PIECE / row_bytes, 1);
    for (uint64_t row = 0; row < slice->n; row += rows_at_once) {
        const uint64_t n = vkh_min_size(rows_at_once, slice->n - row);
        void *memory;
        const enum vkh_status status = vkh_upload_reserve(upload, n * row_bytes, &memory);
        if (status != VKH_OK)
            return status;
        uint8_t *to = memory;
        memset(to, 0, n * row_bytes);
        for (uint64_t i = 0; i < n; i++)
            vkh_weight_pack_row(weight->type,
                                find_row(parts, slice->first + row + i, file_row_bytes),
                                to + i * row_bytes, weight->cols);
        vkh_upload_copy(upload, vkh_range(slice->buffer, row * row_bytes, n * row_bytes));
    }
    return VKH_OK;
}

static enum vkh_status create_slices(struct vkh_device *device, const char *name,
                                     uint64_t slice_limit, struct vkh_weight *weight)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    uint64_t limit =
        vkh_min_size(vkh_min_size(caps->max_storage_range, caps->max_allocation), MAX_SLICE_BYTES);
    if (slice_limit)
        limit = vkh_min_size(limit, slice_limit);
    const uint64_t row_bytes = (uint64_t)weight->row_words * 4;
    const uint64_t rows_fitting =
        vkh_min_size(limit / row_bytes / SLICE_ALIGN_ROWS * SLICE_ALIGN_ROWS, MAX_SLICE_ROWS);
    if (rows_fitting == 0)
        return vkh_fail(vkh_device_log(device), VKH_ERR_UNSUPPORTED,
                        "%s: rows of %llu bytes are too long for the device", name,
                        (unsigned long long)row_bytes);
    const uint64_t n_slices = vkh_div_up(weight->rows, rows_fitting);
    weight->slices = calloc(n_slices, sizeof(*weight->slices));
    if (!weight->slices)
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "%s: out of host memory", name);
    for (uint64_t first = 0; first < weight->rows; first += rows_fitting) {
        struct vkh_weight_slice *slice = &weight->slices[weight->n_slices];
        slice->first = first;
        slice->n = vkh_min_size(rows_fitting, weight->rows - first);
        const enum vkh_status status = vkh_buffer_create(device, name, slice->n * row_bytes,
                                                         VKH_MEMORY_DEVICE, &slice->buffer);
        if (status != VKH_OK)
            return status;
        weight->n_slices++;
    }
    return VKH_OK;
}

// Rows are counted in 32 bits on the device, and a word index inside a slice as well.
static bool is_addressable(enum vkh_dtype type, uint64_t rows, uint64_t cols)
{
    return rows > 0 && cols > 0 && rows <= INT32_MAX && cols <= INT32_MAX &&
           cols % vkh_dtype_info(type)->block_elements == 0 && cols % 4 == 0;
}

enum vkh_status vkh_weight_create(struct vkh_device *device, struct vkh_upload *upload,
                                  const char *name, enum vkh_dtype type, uint64_t cols,
                                  const struct vkh_weight_part *parts, uint32_t n_parts,
                                  uint64_t slice_limit, struct vkh_weight *weight)
{
    *weight = (struct vkh_weight){.type = type, .cols = cols};
    for (uint32_t i = 0; i < n_parts; i++)
        weight->rows += parts[i].rows;
    if (!is_addressable(type, weight->rows, cols))
        return vkh_fail(vkh_device_log(device), VKH_ERR_UNSUPPORTED,
                        "%s: shape [%llu][%llu] is not supported in %s (columns in fours)", name,
                        (unsigned long long)weight->rows, (unsigned long long)cols,
                        vkh_dtype_info(type)->name);
    weight->row_words = (uint32_t)vkh_weight_row_words(type, cols);
    enum vkh_status status = create_slices(device, name, slice_limit, weight);
    for (uint32_t i = 0; i < weight->n_slices && status == VKH_OK; i++)
        status = upload_slice(upload, weight, &weight->slices[i], parts);
    if (status != VKH_OK) {
        vkh_stream_finish(vkh_upload_stream(upload)); // some slices are about to be filled
        vkh_weight_destroy(weight);
    }
    return status;
}

void vkh_weight_destroy(struct vkh_weight *weight)
{
    for (uint32_t i = 0; i < weight->n_slices; i++)
        vkh_buffer_destroy(&weight->slices[i].buffer);
    free(weight->slices);
    *weight = (struct vkh_weight){0};
}
