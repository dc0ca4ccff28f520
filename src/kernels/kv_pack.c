// SPDX-License-Identifier: MIT
#include "kernels/kv_pack.h"

#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { INVOCATIONS = 128, QUAD = 4 };

struct push {
    uint32_t capacity_tiles, first_tile, n_tokens;
};

enum vkh_status vkh_kv_pack_create(struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, uint32_t head_dim,
                                   struct vkh_kv_pack *pack)
{
    *pack = (struct vkh_kv_pack){.device = device};
    struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_kv_pack,
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
        .n_constants = 3,
        .constants = {head_dim, layout->side, layout->b},
    };
    const enum vkh_status status = vkh_pipeline_get(device, &desc, &pack->pack);
    desc.shader = &vkh_shader_kv_unpack;
    return status == VKH_OK ? vkh_pipeline_get(device, &desc, &pack->unpack) : status;
}

// The heads [first, first + n); the tiles [tile, tile + n_tiles) in `rows` rows of workgroups.
struct part {
    uint32_t first, n, tile, n_tiles, rows;
    bool unpacks;
};

static void record_part(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                        const struct vkh_kv_pack_args *args, const struct part *part)
{
    const struct vkh_kv_shape *shape = &args->packed.shape;
    const uint32_t before = part->tile * VKH_KEY_TILE - args->first_slot;
    const struct push push = {
        .capacity_tiles = shape->capacity / VKH_KEY_TILE,
        .first_tile = part->tile,
        .n_tokens = args->n_tokens - before,
    };
    vkh_cmd_dispatch(cmd,
                     &(struct vkh_dispatch){
                         .pipeline = part->unpacks ? pack->unpack : pack->pack,
                         .bindings = {vkh_kv_heads(&args->packed, part->first, part->n),
                                      vkh_kv_heads(&args->unpacked, part->first, part->n)},
                         .writes = part->unpacks ? 1 << 1 : 1 << 0,
                         .push = &push,
                         .groups = {part->n_tiles, part->rows, 2 * part->n},
                         .cost = 16.0 * VKH_KEY_TILE * shape->head_dim * part->n_tiles * part->n,
                     });
}

static void record(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                   const struct vkh_kv_pack_args *args, bool unpacks)
{
    const struct vkh_caps *caps = vkh_device_caps(pack->device);
    const struct vkh_kv_shape *shape = &args->packed.shape;
    const uint32_t heads = vkh_kv_heads_per_binding(&args->unpacked.shape, caps->max_storage_range);
    const uint32_t end =
        args->first_slot / VKH_KEY_TILE + (uint32_t)vkh_div_up(args->n_tokens, VKH_KEY_TILE);
    const uint64_t quads = (uint64_t)VKH_KEY_TILE * shape->head_dim / QUAD;
    struct part part = {
        .rows = unpacks ? (uint32_t)vkh_div_up(quads, INVOCATIONS) : vkh_kv_blocks(shape->head_dim),
        .unpacks = unpacks,
    };
    for (part.first = 0; part.first < shape->n_kv_heads; part.first += heads) {
        part.n = (uint32_t)vkh_min_size(shape->n_kv_heads - part.first, heads);
        part.tile = args->first_slot / VKH_KEY_TILE;
        for (; part.tile < end; part.tile += part.n_tiles) {
            part.n_tiles = (uint32_t)vkh_min_size(end - part.tile, caps->max_group_count[0]);
            record_part(pack, cmd, args, &part);
        }
    }
}

void vkh_kv_pack_record(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                        const struct vkh_kv_pack_args *args)
{
    record(pack, cmd, args, false);
}

void vkh_kv_unpack_record(const struct vkh_kv_pack *pack, struct vkh_cmd *cmd,
                          const struct vkh_kv_pack_args *args)
{
    record(pack, cmd, args, true);
}
