// SPDX-License-Identifier: MIT
// A weight matrix as the right operand of products on cooperative matrices.
#ifndef VKH_KERNELS_MATRIX_WEIGHT_H
#define VKH_KERNELS_MATRIX_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/panel.h"
#include "kernels/weight.h"

// [rows][cols], slices of whole panels. fp16 and bf16 in panels of operands (kernels/panel.h);
// types in blocks as in kernels/weight.h, or where products decode them as in
// kernels/matrix_blocks.h.
struct vkh_matrix_weight {
    enum vkh_dtype type;
    bool bf16; // the operands' type, else fp16
    uint64_t rows, cols;
    uint32_t glu_rows; // of the gate, which those of the up projection follow; 0: one matrix
    uint32_t n_slices;
    struct vkh_weight_slice *slices;
    uint32_t row_words; // of types that lie as in kernels/weight.h
};

// Bytes on the device.
uint64_t vkh_matrix_weight_bytes(const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                                 uint64_t rows, uint64_t cols);

// Uploads the parts stacked by rows, each but the last a multiple of the layout's side. `glu`: the
// parts are gate and up projection, whose tiles alternate. slice_limit as for vkh_weight_create.
// Elements are rounded to the layout's operands; bf16 beyond fp16's range becomes infinite. What is
// recorded on the upload's stream after it sees the weight; `parts` are of no more use.
enum vkh_status vkh_matrix_weight_create(struct vkh_device *device, struct vkh_upload *upload,
                                         const struct vkh_matrix_layout *layout, const char *name,
                                         enum vkh_dtype type, uint64_t cols,
                                         const struct vkh_weight_part *parts, uint32_t n_parts,
                                         bool glu, uint64_t slice_limit,
                                         struct vkh_matrix_weight *weight);
void vkh_matrix_weight_destroy(struct vkh_matrix_weight *weight);

#endif
