// SPDX-License-Identifier: MIT
#include "graph/snapshot.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/device.h"

uint64_t vkh_snapshot_layer_bytes(const struct vkh_kv_shape *shape, uint32_t n_tokens)
{
    struct vkh_kv_shape sized = *shape;
    sized.capacity = (uint32_t)vkh_round_up(n_tokens, VKH_KEY_TILE);
    return vkh_kv_bytes(&sized);
}

enum vkh_status vkh_snapshot_create(struct vkh_device *device, const struct vkh_kv_shape *shape,
                                    uint32_t n_layers, uint32_t n_tokens,
                                    struct vkh_snapshot *snapshot)
{
    const uint64_t layer_bytes = vkh_snapshot_layer_bytes(shape, n_tokens);
    *snapshot = (struct vkh_snapshot){
        .n_layers = n_layers,
        .kv = n_layers ? calloc(n_layers, sizeof(*snapshot->kv)) : NULL,
    };
    enum vkh_status status = n_layers && !snapshot->kv
                                 ? vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY,
                                            "copies of keys and values: out of host memory")
                                 : VKH_OK;
    for (uint32_t i = 0; i < n_layers && status == VKH_OK; i++)
        status = vkh_buffer_create(device, "copy of keys and values", layer_bytes,
                                   VKH_MEMORY_READBACK, &snapshot->kv[i]);
    if (status != VKH_OK)
        vkh_snapshot_destroy(snapshot);
    return status;
}

void vkh_snapshot_destroy(struct vkh_snapshot *snapshot)
{
    for (uint32_t i = 0; snapshot->kv && i < snapshot->n_layers; i++)
        vkh_buffer_destroy(&snapshot->kv[i]);
    free(snapshot->kv);
    *snapshot = (struct vkh_snapshot){0};
}

void vkh_snapshot_copy(struct vkh_cmd *cmd, struct vkh_range of_device, struct vkh_range of_host,
                       enum vkh_snapshot_way way)
{
    const bool take = way == VKH_SNAPSHOT_TAKE;
    vkh_cmd_copy(cmd, take ? of_device : of_host, take ? of_host : of_device);
}

// A head's keys are one piece of a layer, its values the next.
static void copy_layer(struct vkh_cmd *cmd, const struct vkh_buffer *of_snapshot,
                       const struct vkh_kv_segment *segment, uint32_t from, uint32_t n,
                       enum vkh_snapshot_way way)
{
    const struct vkh_kv_shape *shape = &segment->shape;
    const uint64_t tile_bytes = vkh_kv_tile_bytes(shape);
    const uint64_t capacity = shape->capacity / VKH_KEY_TILE, first = from / VKH_KEY_TILE;
    const uint64_t bytes = vkh_div_up(n, VKH_KEY_TILE) * tile_bytes;
    for (uint32_t piece = 0; piece < 2 * shape->n_kv_heads; piece++)
        vkh_snapshot_copy(
            cmd, vkh_range(segment->buffer, (piece * capacity + first) * tile_bytes, bytes),
            vkh_range(of_snapshot, piece * bytes, bytes), way);
}

void vkh_snapshot_record(const struct vkh_snapshot *snapshot, struct vkh_cmd *cmd,
                         const struct vkh_pass *pass, uint32_t from, uint32_t n,
                         enum vkh_snapshot_way way)
{
    for (uint32_t i = 0; i < snapshot->n_layers; i++) {
        const struct vkh_kv_segment segment = vkh_pass_segment(pass, i);
        copy_layer(cmd, snapshot->kv[i], &segment, from, n, way);
    }
}
