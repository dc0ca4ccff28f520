// SPDX-License-Identifier: MIT
// Named tensors as they lie in a mapped file.
#ifndef VKH_MODEL_TENSOR_H
#define VKH_MODEL_TENSOR_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "base/dtype.h"

enum { VKH_MAX_DIMS = 4 };

// `data` points into the mapping, needs no alignment, and holds `size` bytes: as many as the shape
// takes in the type's blocks. No dimension is 0; the last is a multiple of the block.
struct vkh_tensor {
    const char *name;
    enum vkh_dtype type;
    uint32_t n_dims;
    uint64_t shape[VKH_MAX_DIMS]; // outermost first: a matrix is [rows][cols], cols contiguous
    const void *data;
    uint64_t size;
};

#endif
