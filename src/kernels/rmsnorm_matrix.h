// SPDX-License-Identifier: MIT
// What kernels/rmsnorm.h computes, as a left operand of products on cooperative matrices.
#ifndef VKH_KERNELS_RMSNORM_MATRIX_H
#define VKH_KERNELS_RMSNORM_MATRIX_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/panel.h"
#include "kernels/rmsnorm.h"

struct vkh_rmsnorm_matrix {
    struct vkh_device *device;
    struct vkh_matrix_layout layout;
    uint32_t parts; // of a tile's rows, a workgroup each
    const struct vkh_pipeline *pipeline;
};

// For rows of `width`, a multiple of the side; others are normed as well.
enum vkh_status vkh_rmsnorm_matrix_create(struct vkh_device *device,
                                          const struct vkh_matrix_layout *layout, uint32_t width,
                                          struct vkh_rmsnorm_matrix *norm);

// As vkh_rmsnorm_record; `out` is vkh_left_bytes long.
void vkh_rmsnorm_matrix_record(const struct vkh_rmsnorm_matrix *norm, struct vkh_cmd *cmd,
                               const struct vkh_rmsnorm_args *args);

#endif
