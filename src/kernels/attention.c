// SPDX-License-Identifier: MIT
#include "kernels/attention.h"

#include "base/half.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { MAX_HEAD_DIM = 256 };

struct push {
    uint32_t row_elements, n_heads, group;
    uint32_t first_head, first_kv_bound;
    uint32_t prefix_tokens, prefix_capacity, own_capacity;
    uint32_t first_token, n_tokens;
    uint32_t first_tile;
    float scale;
    uint32_t window;
};

enum { FLOOR, WIDE, LANES, N_VARIANTS };

static const struct vkh_variant variants[N_VARIANTS] = {
    {"floor", 0, &vkh_shader_attention, 16},
    {"wide", VKH_CAP_SHARED_32K | VKH_NEEDS_ROWS, &vkh_shader_attention_wide, 64},
    {"lanes", VKH_CAP_CPU | VKH_CAP_SUBGROUP, &vkh_shader_attention_lanes, 16},
};

const struct vkh_variant *vkh_attention_variants(uint32_t *n)
{
    *n = N_VARIANTS;
    return variants;
}

enum vkh_status vkh_attention_create(struct vkh_device *device,
                                     const struct vkh_attention_shape *shape,
                                     const struct vkh_variant *variant,
                                     struct vkh_attention *attention)
{
    *attention = (struct vkh_attention){.device = device, .shape = *shape, .variant = variant};
    if (shape->head_dim % 4 || shape->head_dim > MAX_HEAD_DIM)
        return vkh_fail(vkh_device_log(device), VKH_ERR_UNSUPPORTED,
                        "head size %u: attention takes multiples of 4 up to %d", shape->head_dim,
                        MAX_HEAD_DIM);
    if (!variant) {
        const enum vkh_status status = vkh_variant_choose(device, "attention", NULL, variants,
                                                          N_VARIANTS, &attention->variant);
        if (status != VKH_OK)
            return status;
    }
    struct vkh_pipeline_desc desc = {
        .shader = attention->variant->shader,
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
    };
    if (attention->variant == &variants[WIDE])
        desc.subgroup_size = vkh_variant_row_subgroup(device);
    if (attention->variant == &variants[LANES])
        desc.constants[desc.n_constants++] = vkh_device_caps(device)->subgroup_size;
    desc.constants[desc.n_constants++] = shape->head_dim;
    desc.constants[desc.n_constants++] = shape->half_kv;
    desc.constants[desc.n_constants++] = vkh_float_bits(shape->soft_cap);
    return vkh_pipeline_get(device, &desc, &attention->pipeline);
}

static double cost_of(const struct vkh_attention *attention, const struct vkh_attention_args *args,
                      uint32_t n_heads, uint32_t n_tiles)
{
    const double all = (double)args->first_token + args->n_tokens;
    const double seen = (double)args->window + VKH_KEY_TILE + attention->variant->tile_tokens;
    const double keys = args->window && seen < all ? seen : all;
    return 2.0 * attention->shape.head_dim * keys * n_heads * n_tiles *
           attention->variant->tile_tokens;
}

// The kv heads [first, first + n) and the query tiles [first_tile, first_tile + n_tiles).
static void record_part(const struct vkh_attention *attention, struct vkh_cmd *cmd,
                        const struct vkh_attention_args *args, uint32_t first, uint32_t n,
                        uint32_t first_tile, uint32_t n_tiles)
{
    const struct vkh_attention_shape *shape = &attention->shape;
    const uint32_t group = shape->n_heads / shape->n_kv_heads;
    const struct vkh_kv_segment *own = &args->own;
    // A binding needs a buffer even where nothing is read.
    const struct vkh_kv_segment *prefix = args->prefix_tokens ? &args->prefix : own;
    const struct push push = {
        .row_elements = shape->row_elements,
        .n_heads = shape->n_heads,
        .group = group,
        .first_head = first * group,
        .first_kv_bound = first,
        .prefix_tokens = args->prefix_tokens,
        .prefix_capacity = prefix->shape.capacity,
        .own_capacity = own->shape.capacity,
        .first_token = args->first_token,
        .n_tokens = args->n_tokens,
        .first_tile = first_tile,
        .scale = shape->scale,
        .window = args->window ? args->window : UINT32_MAX,
    };
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = attention->pipeline,
                              .bindings = {args->q, vkh_kv_heads(prefix, first, n),
                                           vkh_kv_heads(own, first, n), args->out},
                              .writes = 1 << 3,
                              .push = &push,
                              .groups = {n_tiles, n * group, 1},
                              .cost = cost_of(attention, args, n * group, n_tiles),
                          });
}

static uint32_t heads_at_once(const struct vkh_attention *attention,
                              const struct vkh_attention_args *args)
{
    const uint64_t range = vkh_device_caps(attention->device)->max_storage_range;
    uint32_t n = vkh_kv_heads_per_binding(&args->own.shape, range);
    if (args->prefix_tokens)
        n = (uint32_t)vkh_min_size(n, vkh_kv_heads_per_binding(&args->prefix.shape, range));
    return n;
}

void vkh_attention_record(const struct vkh_attention *attention, struct vkh_cmd *cmd,
                          const struct vkh_attention_args *args)
{
    const uint32_t n_kv = attention->shape.n_kv_heads, heads = heads_at_once(attention, args);
    const uint32_t group = attention->shape.n_heads / n_kv;
    const uint32_t all_tiles =
        (uint32_t)vkh_div_up(args->n_tokens, attention->variant->tile_tokens);
    const double fitting = vkh_cmd_budget(cmd) / cost_of(attention, args, heads * group, 1);
    const uint32_t tiles = fitting >= all_tiles ? all_tiles : fitting > 1.0 ? (uint32_t)fitting : 1;
    for (uint32_t head = 0; head < n_kv; head += heads) {
        const uint32_t n = (uint32_t)vkh_min_size(n_kv - head, heads);
        for (uint32_t tile = 0; tile < all_tiles; tile += tiles)
            record_part(attention, cmd, args, head, n, tile,
                        (uint32_t)vkh_min_size(all_tiles - tile, tiles));
    }
}
