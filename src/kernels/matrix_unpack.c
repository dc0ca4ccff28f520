// SPDX-License-Identifier: MIT
#include "kernels/matrix_unpack.h"

#include "gpu/cmd.h"
#include "gpu/device.h"
#include "kernels/matrix_blocks.h"
#include "shaders/table.h"

enum { INVOCATIONS = 64 };
static const uint64_t ROOM = (uint64_t)256 << 20;

struct push {
    uint32_t n_rows, cols, row_words;
    uint32_t glu_rows;
    uint32_t first_tile, n_tiles;
};

// For matrices of side 8 and 16.
#define OF_TYPE(NAME, name)                                                                        \
    [VKH_##NAME] = {&vkh_shader_matrix_unpack_##name##_8, &vkh_shader_matrix_unpack_##name##_16},
static const struct vkh_shader *const shaders[VKH_N_DTYPES][2] = {VKH_BLOCK_DTYPES(OF_TYPE)};

static const struct vkh_shader *shader_of(const struct vkh_matrix_layout *layout,
                                          enum vkh_dtype type)
{
    return vkh_matrix_decodes(layout, type) ? NULL : shaders[type][layout->side == 16];
}

enum vkh_status vkh_matrix_unpack_create(struct vkh_device *device,
                                         const struct vkh_matrix_layout *layout,
                                         enum vkh_dtype type, struct vkh_matrix_unpack *unpack)
{
    *unpack = (struct vkh_matrix_unpack){.device = device, .layout = *layout};
    const struct vkh_pipeline_desc desc = {
        .shader = shader_of(layout, type),
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
        .n_constants = 2,
        .constants = {layout->b, layout->bf16},
    };
    return desc.shader ? vkh_pipeline_get(device, &desc, &unpack->pipeline) : VKH_OK;
}

void vkh_matrix_unpack_record(const struct vkh_matrix_unpack *unpack, struct vkh_cmd *cmd,
                              const struct vkh_matrix_weight *weight,
                              const struct vkh_matrix_piece *piece, struct vkh_range panels)
{
    const uint32_t side = unpack->layout.side;
    const struct push push = {
        .n_rows = (uint32_t)vkh_min_size(piece->slice->n, weight->rows - piece->slice->first),
        .cols = (uint32_t)weight->cols,
        .row_words = weight->row_words,
        .glu_rows = weight->glu_rows,
        .first_tile = (uint32_t)((piece->first - piece->slice->first) / side),
        .n_tiles = (uint32_t)(piece->n / side),
    };
    const uint64_t most = vkh_device_caps(unpack->device)->max_group_count[1];
    const uint64_t words = weight->cols / side * unpack->layout.lanes;
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = unpack->pipeline,
                              .bindings = {vkh_range_all(piece->slice->buffer), panels},
                              .writes = 1 << 1,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(words, INVOCATIONS),
                                         (uint32_t)vkh_min_size(push.n_tiles, most), 1},
                              .cost = 16.0 * (double)piece->n * (double)weight->cols,
                          });
}

uint64_t vkh_matrix_unpack_bytes(const struct vkh_device *device,
                                 const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                                 uint64_t rows, uint64_t cols)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    if (!shader_of(layout, type))
        return 0;
    const uint64_t one = vkh_right_bytes(layout, 1, cols);
    const uint64_t most =
        vkh_min_size(ROOM, vkh_min_size(caps->max_storage_range, caps->max_allocation));
    return vkh_max_size(one, vkh_min_size(most, vkh_right_bytes(layout, rows, cols)));
}
