// SPDX-License-Identifier: MIT
// One weight matrix on the device.
#ifndef VKH_KERNELS_WEIGHT_H
#define VKH_KERNELS_WEIGHT_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "base/dtype.h"
#include "gpu/buffer.h"

struct vkh_device;
struct vkh_upload;
struct vkh_workers;

// Rows [first, first + n) in a buffer of their own.
struct vkh_weight_slice {
    struct vkh_buffer *buffer;
    uint64_t first, n;
};

// [rows][cols] in 32-bit words, row after row, each row_words long and at a multiple of 16 bytes:
//   F32: one element a word. F16, BF16: two a word, the lower first.
//   Blocks: their quants side by side, then any further bits of them, then the scales, each such
//   plane from a whole word on (weight.c has the table, shaders/common/weights/ reads them). The
//   bytes are those of the file, in the file's order inside a plane.
// Padding is zero. Slices fit the device's binding and allocation limits.
struct vkh_weight {
    enum vkh_dtype type;
    uint64_t rows, cols;
    uint32_t row_words;
    uint32_t n_slices;
    struct vkh_weight_slice *slices;
};

// A matrix as it lies in a model file: `data` holds rows * cols elements of the weight's type.
struct vkh_weight_part {
    const void *data;
    uint64_t rows;
};

// Of a row.
uint64_t vkh_weight_row_words(enum vkh_dtype type, uint64_t cols);

// n of the file's rows become the device's. All of `packed` is written, in order within each row,
// and nothing of it read.
void vkh_weight_pack_rows(struct vkh_workers *workers, enum vkh_dtype type, uint64_t cols,
                          const void *rows, uint64_t n, void *packed);

// Bytes on the device.
uint64_t vkh_weight_bytes(enum vkh_dtype type, uint64_t rows, uint64_t cols);

// Uploads the parts stacked by rows (q, k and v in one, for example). cols is a multiple of the
// type's block. slice_limit bounds a slice's bytes below what the device allows; 0: only the
// device. What is recorded on the upload's stream after it sees the weight; `parts` are of no more
// use.
enum vkh_status vkh_weight_create(struct vkh_device *device, struct vkh_upload *upload,
                                  const char *name, enum vkh_dtype type, uint64_t cols,
                                  const struct vkh_weight_part *parts, uint32_t n_parts,
                                  uint64_t slice_limit, struct vkh_weight *weight);
void vkh_weight_destroy(struct vkh_weight *weight);

#endif
