// SPDX-License-Identifier: MIT
// A layout of matrices from what invocations were seen to hold.
#ifndef VKH_GPU_MATRIX_ORDER_H
#define VKH_GPU_MATRIX_ORDER_H

#include "gpu/matrix.h"

enum { VKH_MATRIX_MAX_SIDE = 16, VKH_MATRIX_MAX_LANES = 32, VKH_MATRIX_SLOTS = 16 };

// row * side + column of the elements of the left operand, the right one and the accumulator:
// SLOTS an invocation, UINT32_MAX past an invocation's last; [3][lanes][SLOTS].
enum { VKH_MATRIX_SEEN = 3 * VKH_MATRIX_MAX_LANES * VKH_MATRIX_SLOTS };

// side 0: the kernels have no use for it. has_bf16 and bf16 are false.
void vkh_matrix_describe(const uint32_t *seen, uint32_t side, struct vkh_matrix_layout *layout);

#endif
