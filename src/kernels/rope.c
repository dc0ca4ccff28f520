// SPDX-License-Identifier: MIT
#include "kernels/rope.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { QUADS = 64 }; // of four elements, of a workgroup

struct push {
    uint32_t n_tokens, row_elements, n_heads, n_kv_heads;
    uint32_t n_queries;
    uint32_t first_kv_head, n_kv_bound;
    uint32_t capacity, first_slot, first_position;
    float attention_scale;
};

enum vkh_status vkh_rope_create(struct vkh_device *device, const struct vkh_rope_shape *shape,
                                struct vkh_rope *rope)
{
    *rope = (struct vkh_rope){.device = device, .shape = *shape};
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_rope,
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
        .n_constants = 4,
        .constants = {shape->head_dim, shape->rotary_dim, shape->interleaved, shape->half_kv},
    };
    return vkh_pipeline_get(device, &desc, &rope->pipeline);
}

// The kv heads [first, first + n), and all query heads with the first of them.
static void record_heads(const struct vkh_rope *rope, struct vkh_cmd *cmd,
                         const struct vkh_rope_args *args, uint32_t first, uint32_t n)
{
    const struct vkh_rope_shape *shape = &rope->shape;
    const uint64_t most = vkh_device_caps(rope->device)->max_group_count[1];
    const struct push push = {
        .n_tokens = args->n_tokens,
        .row_elements = (shape->n_heads + 2 * shape->n_kv_heads) * shape->head_dim,
        .n_heads = shape->n_heads,
        .n_kv_heads = shape->n_kv_heads,
        .n_queries = first == 0 ? shape->n_heads : 0,
        .first_kv_head = first,
        .n_kv_bound = n,
        .capacity = args->kv.shape.capacity,
        .first_slot = args->first_slot,
        .first_position = args->first_position,
        .attention_scale = args->attention_scale,
    };
    const uint64_t quads = (uint64_t)(push.n_queries + 2 * n) * shape->head_dim / 4;
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = rope->pipeline,
                              .bindings = {args->qkv, args->positions, args->frequencies,
                                           n ? vkh_kv_heads(&args->kv, first, n) : args->qkv},
                              .writes = 1 << 0 | 1 << 3,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(quads, QUADS),
                                         (uint32_t)vkh_min_size(args->n_tokens, most), 1},
                              .cost = 64.0 * (double)quads * args->n_tokens,
                          });
}

void vkh_rope_kv_record(const struct vkh_rope *rope, struct vkh_cmd *cmd,
                        const struct vkh_rope_args *args)
{
    if (rope->shape.n_kv_heads == 0) {
        record_heads(rope, cmd, args, 0, 0);
        return;
    }
    const uint32_t at_once =
        vkh_kv_heads_per_binding(&args->kv.shape, vkh_device_caps(rope->device)->max_storage_range);
    for (uint32_t first = 0; first < rope->shape.n_kv_heads; first += at_once) {
        const uint64_t rest = rope->shape.n_kv_heads - first;
        record_heads(rope, cmd, args, first, (uint32_t)vkh_min_size(rest, at_once));
    }
}
