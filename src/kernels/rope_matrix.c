// SPDX-License-Identifier: MIT
#include "kernels/rope_matrix.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { WORDS = 128, HEADS = 4 }; // of a workgroup

struct push {
    uint32_t n_tokens, n_heads, n_kv_heads;
    uint32_t capacity_tiles, first_slot_tile;
    float attention_scale, query_scale;
};

enum vkh_status vkh_rope_matrix_create(struct vkh_device *device,
                                       const struct vkh_matrix_layout *layout,
                                       const struct vkh_rope_shape *shape,
                                       struct vkh_rope_matrix *rope)
{
    *rope = (struct vkh_rope_matrix){.device = device, .layout = *layout, .shape = *shape};
    struct vkh_pipeline_desc desc = {
        .shader = rope->layout.side == 16 ? &vkh_shader_rope_matrix_16 : &vkh_shader_rope_matrix_8,
        .n_bindings = 5,
        .push_bytes = sizeof(struct push),
        .n_constants = VKH_MATRIX_CONSTANTS + 3,
    };
    vkh_matrix_constants(&rope->layout, desc.constants);
    const uint32_t own[] = {shape->head_dim, shape->rotary_dim, shape->interleaved};
    for (uint32_t i = 0; i < VKH_COUNTOF(own); i++)
        desc.constants[VKH_MATRIX_CONSTANTS + i] = own[i];
    return vkh_pipeline_get(device, &desc, &rope->pipeline);
}

void vkh_rope_matrix_record(const struct vkh_rope_matrix *rope, struct vkh_cmd *cmd,
                            const struct vkh_rope_matrix_args *args)
{
    const struct vkh_rope_shape *shape = &rope->shape;
    const struct vkh_rope_args *in = &args->rope;
    const uint32_t side = rope->layout.side, heads = shape->n_heads + 2 * shape->n_kv_heads;
    const uint64_t groups =
        vkh_div_up(shape->n_heads, HEADS) + 2 * vkh_div_up(shape->n_kv_heads, HEADS);
    const uint64_t words = (uint64_t)shape->head_dim / side * rope->layout.lanes;
    const struct push push = {
        .n_tokens = in->n_tokens,
        .n_heads = shape->n_heads,
        .n_kv_heads = shape->n_kv_heads,
        .capacity_tiles = in->kv.shape.capacity / side,
        .first_slot_tile = in->first_slot / side,
        .attention_scale = in->attention_scale,
        .query_scale = args->query_scale,
    };
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = rope->pipeline,
                              .bindings = {in->qkv, in->positions, in->frequencies, args->q,
                                           vkh_kv_heads(&in->kv, 0, shape->n_kv_heads)},
                              .writes = 1 << 3 | 1 << 4,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(words, WORDS), (uint32_t)groups,
                                         (uint32_t)vkh_div_up(in->n_tokens, side)},
                              .cost = 64.0 * heads * shape->head_dim * in->n_tokens,
                          });
}
