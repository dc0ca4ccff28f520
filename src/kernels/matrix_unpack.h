// SPDX-License-Identifier: MIT
// Weights in blocks as panels of fp16 for the products on cooperative matrices, some panels at a
// time: they stay in blocks on the device, and are unpacked anew for every product, unless products
// decode them (matrix_blocks.h).
#ifndef VKH_KERNELS_MATRIX_UNPACK_H
#define VKH_KERNELS_MATRIX_UNPACK_H

#include "kernels/matrix_weight.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_matrix_unpack {
    struct vkh_device *device;
    struct vkh_matrix_layout layout;
    const struct vkh_pipeline *pipeline; // NULL: products read the type as it lies
};

enum vkh_status vkh_matrix_unpack_create(struct vkh_device *device,
                                         const struct vkh_matrix_layout *layout,
                                         enum vkh_dtype type, struct vkh_matrix_unpack *unpack);

// Rows [first, first + n) of the panels, inside one of the weight's slices, whole panels.
struct vkh_matrix_piece {
    const struct vkh_weight_slice *slice;
    uint64_t first, n;
};
void vkh_matrix_unpack_record(const struct vkh_matrix_unpack *unpack, struct vkh_cmd *cmd,
                              const struct vkh_matrix_weight *weight,
                              const struct vkh_matrix_piece *piece, struct vkh_range panels);

// Bytes of room for panels that suffice for a weight, at most 256 MiB and what the device binds
// where one panel is not larger; 0 for a type that products read as it lies.
uint64_t vkh_matrix_unpack_bytes(const struct vkh_device *device,
                                 const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                                 uint64_t rows, uint64_t cols);

#endif
