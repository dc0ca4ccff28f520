// SPDX-License-Identifier: MIT
#include "kernels/bias.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { ELEMENTS = 64 }; // of a workgroup

struct push {
    uint32_t n_tokens, width;
};

enum vkh_status vkh_bias_create(struct vkh_device *device, struct vkh_bias *bias)
{
    *bias = (struct vkh_bias){.device = device};
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_bias,
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
    };
    return vkh_pipeline_get(device, &desc, &bias->pipeline);
}

void vkh_bias_record(const struct vkh_bias *bias, struct vkh_cmd *cmd,
                     const struct vkh_bias_args *args)
{
    const uint64_t most = vkh_device_caps(bias->device)->max_group_count[1];
    const struct push push = {args->n_tokens, args->width};
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = bias->pipeline,
                              .bindings = {args->x, args->bias},
                              .writes = 1 << 0,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(args->width, ELEMENTS),
                                         (uint32_t)vkh_min_size(args->n_tokens, most), 1},
                              .cost = (double)args->n_tokens * args->width,
                          });
}
