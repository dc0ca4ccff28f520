// SPDX-License-Identifier: MIT
// What a chunk leaves in its pass, its keys and values, in the host's memory and back.
#ifndef VKH_GRAPH_SNAPSHOT_H
#define VKH_GRAPH_SNAPSHOT_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "gpu/cmd.h"
#include "graph/pass.h"

struct vkh_device;

// Room for one chunk. Zeroed: none.
struct vkh_snapshot {
    uint32_t n_layers;      // whose keys and values there is room for
    struct vkh_buffer **kv; // [n_layers], mapped: as kernels/kv.h, of the chunk's tokens
};

// Tokens are counted in whole tiles of keys. `n_layers` 0: none.
enum vkh_status vkh_snapshot_create(struct vkh_device *device, const struct vkh_kv_shape *shape,
                                    uint32_t n_layers, uint32_t n_tokens,
                                    struct vkh_snapshot *snapshot);
void vkh_snapshot_destroy(struct vkh_snapshot *snapshot);

// Bytes of n tokens' keys and values in one layer.
uint64_t vkh_snapshot_layer_bytes(const struct vkh_kv_shape *shape, uint32_t n_tokens);

enum vkh_snapshot_way { VKH_SNAPSHOT_TAKE, VKH_SNAPSHOT_GIVE };

// Records the copy of the pass's tokens [from, from + n) into the snapshot, or back. `from` is a
// multiple of VKH_KEY_TILE; n is too, or ends the pass.
void vkh_snapshot_record(const struct vkh_snapshot *snapshot, struct vkh_cmd *cmd,
                         const struct vkh_pass *pass, uint32_t from, uint32_t n,
                         enum vkh_snapshot_way way);
// The same of any range: of the device's where it is taken, to it where it is given.
void vkh_snapshot_copy(struct vkh_cmd *cmd, struct vkh_range of_device, struct vkh_range of_host,
                       enum vkh_snapshot_way way);

#endif
