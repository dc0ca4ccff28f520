// SPDX-License-Identifier: MIT
#include "kernels/attention_matrix.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { MAX_HEADS = 4 };
static const double LOG2E = 1.4426950408889634;

struct push {
    uint32_t n_heads, group;
    uint32_t prefix_tokens, prefix_tiles, own_tiles;
    uint32_t first_token, n_tokens, query_tiles;
    uint32_t first_block;
    uint32_t window;
    float cap;
};

// By head size: shaders by vkh_matrix_kind, subgroups of a workgroup, and the tiles of queries that
// each takes, but transposed, where it is one.
#define SHADERS(dim)                                                                               \
    {                                                                                              \
        &vkh_shader_attention_matrix_##dim##_8, &vkh_shader_attention_matrix_##dim##_16,           \
            &vkh_shader_attention_matrix_##dim##_16t, &vkh_shader_attention_matrix_##dim##_16x8,   \
            &vkh_shader_attention_matrix_##dim##_8x8                                               \
    }
static const struct size {
    uint32_t head_dim;
    const struct vkh_shader *shaders[VKH_MATRIX_KINDS];
    uint32_t subgroups, row_tiles;
} head_sizes[] = {
    {64, SHADERS(64), 4, 2},
    {96, SHADERS(96), 4, 2},
    {128, SHADERS(128), 4, 2},
    {256, SHADERS(256), 8, 1},
};

static const struct size *size_of(const struct vkh_attention_shape *shape)
{
    for (size_t i = 0; i < VKH_COUNTOF(head_sizes); i++)
        if (head_sizes[i].head_dim == shape->head_dim)
            return &head_sizes[i];
    return NULL;
}

// What a workgroup is made of, as shaders/attention_matrix.comp has it.
struct work {
    uint32_t subgroups, split; // split: subgroups that share queries
    uint32_t rows;             // queries of a subgroup
};

static struct work work_of(const struct vkh_matrix_layout *layout, const struct size *size)
{
    if (layout->columns < layout->side)
        return (struct work){
            .subgroups = (uint32_t)vkh_min_size(size->head_dim * 2, 256) / layout->subgroup,
            .split = size->head_dim / 32,
            .rows = layout->rows,
        };
    return (struct work){
        .subgroups = size->subgroups,
        .split = 1,
        .rows = (layout->transposed ? 1 : size->row_tiles) * layout->side,
    };
}

// Query heads of one kv head that share a workgroup.
static uint32_t heads_of(const struct vkh_attention_shape *shape, const struct work *work)
{
    const uint32_t group = shape->n_heads / shape->n_kv_heads;
    uint32_t heads = MAX_HEADS;
    while (group % heads || heads * work->split > work->subgroups)
        heads /= 2;
    return heads;
}

bool vkh_attention_matrix_takes(const struct vkh_device *device,
                                const struct vkh_matrix_layout *layout,
                                const struct vkh_attention_shape *shape)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    const struct size *size = size_of(shape);
    if (!layout->side || !size)
        return false;
    const uint32_t subgroups = work_of(layout, size).subgroups;
    return subgroups <= caps->max_subgroups &&
           subgroups * layout->subgroup <= caps->max_invocations;
}

enum vkh_status vkh_attention_matrix_create(struct vkh_device *device,
                                            const struct vkh_matrix_layout *layout,
                                            const struct vkh_attention_shape *shape,
                                            struct vkh_attention_matrix *attention)
{
    *attention =
        (struct vkh_attention_matrix){.device = device, .layout = *layout, .shape = *shape};
    const struct size *size = size_of(shape);
    const struct work work = work_of(layout, size);
    attention->heads = heads_of(shape, &work);
    attention->block_queries = work.subgroups / attention->heads / work.split * work.rows;
    struct vkh_pipeline_desc desc = {
        .shader = size->shaders[vkh_matrix_kind(layout)],
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
        .n_constants = VKH_MATRIX_CONSTANTS + 4,
        .subgroup_size = vkh_device_subgroup(device, layout->subgroup),
    };
    vkh_matrix_constants(layout, desc.constants);
    const uint32_t own[] = {work.subgroups * layout->subgroup, attention->heads,
                            shape->soft_cap > 0.0f, layout->copies};
    for (uint32_t i = 0; i < VKH_COUNTOF(own); i++)
        desc.constants[VKH_MATRIX_CONSTANTS + i] = own[i];
    return vkh_pipeline_get(device, &desc, &attention->pipeline);
}

float vkh_attention_matrix_query_scale(const struct vkh_attention_shape *shape)
{
    return (float)((double)shape->scale * LOG2E);
}

// The query blocks [first, first + n).
static void record_part(const struct vkh_attention_matrix *attention, struct vkh_cmd *cmd,
                        const struct vkh_attention_args *args, uint32_t first, uint32_t n,
                        double cost)
{
    const struct vkh_attention_shape *shape = &attention->shape;
    const struct vkh_matrix_layout *layout = &attention->layout;
    const uint32_t side = layout->side, n_kv = shape->n_kv_heads;
    const struct vkh_range own = vkh_kv_heads(&args->own, 0, n_kv);
    const struct push push = {
        .n_heads = shape->n_heads,
        .group = shape->n_heads / n_kv,
        .prefix_tokens = args->prefix_tokens,
        .prefix_tiles = args->prefix_tokens ? args->prefix.shape.capacity / side : 0,
        .own_tiles = args->own.shape.capacity / side,
        .first_token = args->first_token,
        .n_tokens = args->n_tokens,
        .query_tiles = (uint32_t)vkh_div_up(args->n_tokens, side),
        .first_block = first,
        .window = args->window,
        .cap = (float)((double)shape->soft_cap * LOG2E),
    };
    vkh_cmd_dispatch(
        cmd,
        &(struct vkh_dispatch){
            .pipeline = attention->pipeline,
            .bindings = {args->q, args->prefix_tokens ? vkh_kv_heads(&args->prefix, 0, n_kv) : own,
                         own, args->out},
            .writes = 1 << 3,
            .push = &push,
            .groups = {n, shape->n_heads / attention->heads, 1},
            .cost = cost,
        });
}

void vkh_attention_matrix_record(const struct vkh_attention_matrix *attention, struct vkh_cmd *cmd,
                                 const struct vkh_attention_args *args)
{
    const struct vkh_attention_shape *shape = &attention->shape;
    const uint32_t blocks = (uint32_t)vkh_div_up(args->n_tokens, attention->block_queries);
    const double keys = (double)args->first_token + args->n_tokens;
    const double seen = args->window && args->window < keys ? args->window : keys;
    const double cost = 2.0 * shape->n_heads * shape->head_dim * attention->block_queries * seen;
    const double budget = vkh_cmd_budget(cmd);
    const uint32_t at_once = cost * blocks <= budget ? blocks
                             : cost < budget         ? (uint32_t)(budget / cost)
                                                     : 1;
    for (uint32_t first = 0; first < blocks; first += at_once) {
        const uint32_t n = (uint32_t)vkh_min_size(blocks - first, at_once);
        record_part(attention, cmd, args, first, n, cost * n);
    }
}
