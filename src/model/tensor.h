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

// Tensors that live in an arena of their owner's.
struct vkh_tensor_table {
    struct vkh_tensor *tensors;
    uint64_t count;
};

// Fills tensor->size from its type and shape. A dimension that is 0, a last one that is no multiple
// of the block, and a size beyond 64 bits are VKH_ERR_FORMAT. `path` is for the message.
enum vkh_status vkh_tensor_measure(const char *path, const struct vkh_log *log,
                                   struct vkh_tensor *tensor);

// Sorts the tensors of one file by address; two that share a byte are VKH_ERR_FORMAT.
enum vkh_status vkh_tensor_table_sort_by_data(const char *path, const struct vkh_log *log,
                                              struct vkh_tensor_table *table);

// Sorts by name, which find needs; two of one name are VKH_ERR_FORMAT.
enum vkh_status vkh_tensor_table_sort_by_name(const char *path, const struct vkh_log *log,
                                              struct vkh_tensor_table *table);

// NULL when there is none of that name.
const struct vkh_tensor *vkh_tensor_table_find(const struct vkh_tensor_table *table,
                                               const char *name);

#endif
