// SPDX-License-Identifier: MIT
#include "kernels/rmsnorm_matrix.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { SUMS = 1024 }; // of rows, of a workgroup (shaders/rmsnorm_matrix.comp)

struct push {
    uint32_t n_tokens, width;
    float eps;
};

// The parts of a left operand's rows, each in a quarter of the invocations, and the lower of the
// two bits of the invocation that tell which; 1 where there are no two such bits beside each other.
static uint32_t find_parts(const struct vkh_matrix_layout *layout, uint32_t *shift)
{
    for (*shift = 3; *shift > 0; --*shift)
        if (4u << *shift <= layout->lanes && !(layout->column_lanes >> *shift & 3))
            return 4;
    return 1;
}

// Words of a row that an invocation keeps: one where registers are few, as on Intel's GPUs, whose
// subgroups of matrices are smaller.
static uint32_t words_kept(const struct vkh_matrix_layout *layout)
{
    return layout->subgroup < layout->lanes ? 1 : 8;
}

// Of a workgroup, so many that invocations keep a row's words, where it may be as large.
static uint32_t subgroups(const struct vkh_rmsnorm_matrix *norm, uint32_t width)
{
    const struct vkh_matrix_layout *layout = &norm->layout;
    const struct vkh_caps *caps = vkh_device_caps(norm->device);
    const uint64_t most = vkh_min_size(caps->max_invocations / layout->lanes, caps->max_subgroups);
    const uint64_t wanted = vkh_div_up(width / layout->side, norm->parts * words_kept(layout));
    return (uint32_t)vkh_min_size(wanted, vkh_min_size(most, SUMS / layout->side));
}

enum vkh_status vkh_rmsnorm_matrix_create(struct vkh_device *device,
                                          const struct vkh_matrix_layout *layout, uint32_t width,
                                          struct vkh_rmsnorm_matrix *norm)
{
    uint32_t shift;
    *norm = (struct vkh_rmsnorm_matrix){.device = device, .layout = *layout};
    norm->parts = find_parts(layout, &shift);
    struct vkh_pipeline_desc desc = {
        .shader =
            norm->layout.side == 16 ? &vkh_shader_rmsnorm_matrix_16 : &vkh_shader_rmsnorm_matrix_8,
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
        .n_constants = VKH_MATRIX_CONSTANTS + 5,
        .subgroup_size = vkh_device_subgroup(device, norm->layout.lanes),
    };
    vkh_matrix_constants(&norm->layout, desc.constants);
    const uint32_t own[] = {subgroups(norm, width) * layout->lanes, layout->bf16, shift,
                            norm->parts, words_kept(layout)};
    for (uint32_t i = 0; i < VKH_COUNTOF(own); i++)
        desc.constants[VKH_MATRIX_CONSTANTS + i] = own[i];
    return vkh_pipeline_get(device, &desc, &norm->pipeline);
}

void vkh_rmsnorm_matrix_record(const struct vkh_rmsnorm_matrix *norm, struct vkh_cmd *cmd,
                               const struct vkh_rmsnorm_args *args)
{
    const struct push push = {args->n_tokens, args->width, args->eps};
    const uint32_t tiles = (uint32_t)vkh_div_up(args->n_tokens, norm->layout.side);
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = norm->pipeline,
                              .bindings = {args->x, args->weight, args->out},
                              .writes = 1 << 2,
                              .push = &push,
                              .groups = {tiles * norm->parts, 1, 1},
                              .cost = 4.0 * args->n_tokens * args->width,
                          });
}
