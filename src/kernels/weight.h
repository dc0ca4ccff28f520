// SPDX-License-Identifier: MIT
// One weight matrix on the device.
#ifndef VKH_KERNELS_WEIGHT_H
#define VKH_KERNELS_WEIGHT_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "base/dtype.h"
#include "gpu/buffer.h"

struct vkh_device;
struct vkh_stream;

// Rows [first, first + n) in a buffer of their own.
struct vkh_weight_slice {
    struct vkh_buffer *buffer;
    uint64_t first, n;
};

// [rows][cols] in 32-bit words, row after row, each row_words long:
//   F32: one element a word. F16, BF16: two a word, the lower first.
//   Q8_0: cols/4 words of int8 quants, then cols/32 fp16 scales, two a word.
// Padding elements are zero. Slices fit the device's binding and allocation limits.
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

// Bytes on the device.
uint64_t vkh_weight_bytes(enum vkh_dtype type, uint64_t rows, uint64_t cols);

// Uploads the parts stacked by rows (q, k and v in one, for example), through bounded staging.
// cols is a multiple of the type's block. slice_limit bounds a slice's bytes below what the device
// allows; 0: only the device. The stream is finished when it returns.
enum vkh_status vkh_weight_create(struct vkh_device *device, struct vkh_stream *stream,
                                  const char *name, enum vkh_dtype type, uint64_t cols,
                                  const struct vkh_weight_part *parts, uint32_t n_parts,
                                  uint64_t slice_limit, struct vkh_weight *weight);
void vkh_weight_destroy(struct vkh_weight *weight);

#endif
