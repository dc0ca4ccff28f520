// SPDX-License-Identifier: MIT
// A layout of matrices from what invocations were seen to hold.
#ifndef VKH_GPU_MATRIX_ORDER_H
#define VKH_GPU_MATRIX_ORDER_H

#include <vkhrope/device.h>

#include "gpu/matrix.h"

enum { VKH_MATRIX_MAX_SIDE = 16, VKH_MATRIX_MAX_LANES = 32, VKH_MATRIX_SLOTS = 16 };

// The number, row by row, of the elements of the left operand (m x k), the right one (k x n) and
// the accumulator (m x n): SLOTS an invocation, UINT32_MAX past an invocation's last; [3][m * n / 8
// invocations][SLOTS].
enum { VKH_MATRIX_SEEN = 3 * VKH_MATRIX_MAX_LANES * VKH_MATRIX_SLOTS };

// Invocations that hold a matrix: eight elements of an accumulator each.
static inline uint32_t vkh_matrix_subgroup(const struct vkh_matrix_shape *shape)
{
    return shape->m * shape->n / 8;
}

// Whether the kernels have a tile for matrices of this shape, if they lie well.
bool vkh_matrix_has_tile(const struct vkh_matrix_shape *shape);

// Of a shape that has a tile. side 0: the kernels have no use for it. has_bf16 and bf16 are false.
void vkh_matrix_describe(const uint32_t *seen, const struct vkh_matrix_shape *shape,
                         struct vkh_matrix_layout *layout);

#endif
