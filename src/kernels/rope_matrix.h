// SPDX-License-Identifier: MIT
// What kernels/rope.h computes, as operands of attention on cooperative matrices: tiles of side x
// side halves, [head][token tile][dim tile] of queries and [kv head][K, V][slot tile][dim tile] of
// keys and values. Keys and values take as many bytes as in kernels/kv.h with halves.
#ifndef VKH_KERNELS_ROPE_MATRIX_H
#define VKH_KERNELS_ROPE_MATRIX_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/matrix.h"
#include "kernels/rope.h"

struct vkh_rope_matrix {
    struct vkh_device *device;
    struct vkh_matrix_layout layout;
    struct vkh_rope_shape shape;
    const struct vkh_pipeline *pipeline;
};

// The head size is a multiple of the layout's side.
enum vkh_status vkh_rope_matrix_create(struct vkh_device *device,
                                       const struct vkh_matrix_layout *layout,
                                       const struct vkh_rope_shape *shape,
                                       struct vkh_rope_matrix *rope);

struct vkh_rope_matrix_args {
    struct vkh_rope_args rope; // first_slot is a multiple of VKH_KEY_TILE; qkv is only read
    struct vkh_range q;        // [n_heads][token tiles][dim tiles] tiles
    float query_scale;         // queries are multiplied by it
};

void vkh_rope_matrix_record(const struct vkh_rope_matrix *rope, struct vkh_cmd *cmd,
                            const struct vkh_rope_matrix_args *args);

#endif
