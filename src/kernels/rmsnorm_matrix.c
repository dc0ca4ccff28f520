// SPDX-License-Identifier: MIT
#include "kernels/rmsnorm_matrix.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { SUBGROUPS = 16 }; // of a workgroup, where it may be as large

struct push {
    uint32_t n_tokens, width;
    float eps;
};

enum vkh_status vkh_rmsnorm_matrix_create(struct vkh_device *device,
                                          const struct vkh_matrix_layout *layout,
                                          struct vkh_rmsnorm_matrix *norm)
{
    *norm = (struct vkh_rmsnorm_matrix){.device = device, .layout = *layout};
    struct vkh_pipeline_desc desc = {
        .shader =
            norm->layout.side == 16 ? &vkh_shader_rmsnorm_matrix_16 : &vkh_shader_rmsnorm_matrix_8,
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
        .n_constants = VKH_MATRIX_CONSTANTS + 2,
        .subgroup_size = vkh_device_subgroup(device, norm->layout.lanes),
    };
    vkh_matrix_constants(&norm->layout, desc.constants);
    const uint32_t most = vkh_device_caps(device)->max_invocations / norm->layout.lanes;
    desc.constants[VKH_MATRIX_CONSTANTS] =
        (uint32_t)vkh_min_size(SUBGROUPS, most) * norm->layout.lanes;
    desc.constants[VKH_MATRIX_CONSTANTS + 1] = layout->bf16;
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
                              .groups = {tiles, 1, 1},
                              .cost = 4.0 * args->n_tokens * args->width,
                          });
}
