// SPDX-License-Identifier: MIT
// What kernels/attention.h computes, on cooperative matrices: fp16 operands, sums in fp32. Operands
// are those that kernels/rope_matrix.h writes, and the result is a left operand (kernels/panel.h)
// of [n_tokens][n_heads * head_dim].
#ifndef VKH_KERNELS_ATTENTION_MATRIX_H
#define VKH_KERNELS_ATTENTION_MATRIX_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/attention.h"
#include "kernels/panel.h"

struct vkh_attention_matrix {
    struct vkh_device *device;
    struct vkh_matrix_layout layout;
    struct vkh_attention_shape shape;
    const struct vkh_pipeline *pipeline;
    uint32_t heads;         // of a workgroup
    uint32_t block_queries; // of a workgroup
};

// Whether there is a kernel for the head size, and the device has its workgroups.
bool vkh_attention_matrix_takes(const struct vkh_device *device,
                                const struct vkh_matrix_layout *layout,
                                const struct vkh_attention_shape *shape);

enum vkh_status vkh_attention_matrix_create(struct vkh_device *device,
                                            const struct vkh_matrix_layout *layout,
                                            const struct vkh_attention_shape *shape,
                                            struct vkh_attention_matrix *attention);

// What queries are to be multiplied by before: the scale, and log2 e for exponents to base 2.
float vkh_attention_matrix_query_scale(const struct vkh_attention_shape *shape);

// As vkh_attention_record, with q and out as above; both are vkh_left_bytes long.
void vkh_attention_matrix_record(const struct vkh_attention_matrix *attention, struct vkh_cmd *cmd,
                                 const struct vkh_attention_args *args);

#endif
