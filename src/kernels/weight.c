// SPDX-License-Identifier: MIT
#include "kernels/weight.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "base/workers.h"
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

// `bytes` is a constant where this is inlined, and a copy a few moves instead of a call.
static inline __attribute__((always_inline)) void
gather_constant(const uint8_t *from, uint64_t stride, uint64_t n, uint32_t bytes, uint8_t *to)
{
    for (uint64_t i = 0; i < n; i++)
        memcpy(to + i * bytes, from + i * stride, bytes);
}

// n pieces of `bytes` bytes, `stride` bytes apart, side by side. The sizes that planes have are
// cases.
static void gather(const uint8_t *from, uint64_t stride, uint64_t n, uint32_t bytes, uint8_t *to)
{
#define CASE(size)                                                                                 \
    case size:                                                                                     \
        gather_constant(from, stride, n, size, to);                                                \
        break;
    switch (bytes) {
        CASE(2)
        CASE(4)
        CASE(12)
        CASE(16)
        CASE(32)
        CASE(64)
        CASE(128)
    default:
        gather_constant(from, stride, n, bytes, to);
    }
#undef CASE
}

// The plane of n blocks, padding included; where it ends.
static uint8_t *pack_plane(const struct plane *plane, const uint8_t *blocks, uint64_t block_bytes,
                           uint64_t n, uint8_t *to)
{
    const uint64_t bytes = n * plane->bytes, padded = 4 * plane_words(plane, n);
    if (plane->bytes == block_bytes)
        memcpy(to, blocks, bytes);
    else
        gather(blocks + plane->from, block_bytes, n, plane->bytes, to);
    memset(to + bytes, 0, padded - bytes);
    return to + padded;
}

// Rows as they lie in a file and as they lie on the device.
struct rows {
    enum vkh_dtype type;
    uint64_t cols;
    const uint8_t *from;
    uint8_t *to;
};

static void pack_rows(void *user, uint64_t first, uint64_t n)
{
    const struct rows *rows = user;
    const struct vkh_dtype_info *info = vkh_dtype_info(rows->type);
    const uint64_t from_bytes = vkh_dtype_bytes(rows->type, rows->cols);
    const uint64_t to_bytes = vkh_weight_row_words(rows->type, rows->cols) * 4;
    const uint8_t *from = rows->from + first * from_bytes;
    uint8_t *to = rows->to + first * to_bytes;
    if (planes[rows->type][0].bytes == info->block_bytes && from_bytes == to_bytes) {
        memcpy(to, from, n * to_bytes);
        return;
    }
    for (uint64_t row = 0; row < n; row++, from += from_bytes) {
        uint8_t *const end = to + to_bytes;
        for (uint32_t i = 0; i < MAX_PLANES && planes[rows->type][i].bytes; i++)
            to = pack_plane(&planes[rows->type][i], from, info->block_bytes,
                            rows->cols / info->block_elements, to);
        memset(to, 0, (size_t)(end - to));
        to = end;
    }
}

void vkh_weight_pack_rows(struct vkh_workers *workers, enum vkh_dtype type, uint64_t cols,
                          const void *rows, uint64_t n, void *packed)
{
    struct rows work = {type, cols, rows, packed};
    vkh_workers_run(workers, n, vkh_weight_row_words(type, cols) * 4, pack_rows, &work);
}

// Rows [first, first + n) of the stacked parts.
static void pack_parts(struct vkh_workers *workers, const struct vkh_weight *weight,
                       const struct vkh_weight_part *part, uint64_t first, uint64_t n, uint8_t *to)
{
    for (; n > 0; part++) {
        if (first >= part->rows) {
            first -= part->rows;
            continue;
        }
        const uint64_t here = vkh_min_size(n, part->rows - first);
        vkh_weight_pack_rows(workers, weight->type, weight->cols,
                             (const uint8_t *)part->data +
                                 first * vkh_dtype_bytes(weight->type, weight->cols),
                             here, to);
        to += here * weight->row_words * 4;
        n -= here;
        first = 0;
    }
}

static enum vkh_status upload_slice(struct vkh_upload *upload, const struct vkh_weight *weight,
                                    const struct vkh_weight_slice *slice,
                                    const struct vkh_weight_part *parts)
{
    const uint64_t row_bytes = (uint64_t)weight->row_words * 4;
    const uint64_t rows_at_once = vkh_max_size(VKH_UPLOAD_PIECE / row_bytes, 1);
    for (uint64_t row = 0; row < slice->n; row += rows_at_once) {
        const uint64_t n = vkh_min_size(rows_at_once, slice->n - row);
        void *memory;
        const enum vkh_status status = vkh_upload_reserve(upload, n * row_bytes, &memory);
        if (status != VKH_OK)
            return status;
        pack_parts(vkh_upload_workers(upload), weight, parts, slice->first + row, n, memory);
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
