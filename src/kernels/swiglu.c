// SPDX-License-Identifier: MIT
#include "kernels/swiglu.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { ELEMENTS = 64 }; // of a workgroup

struct push {
    uint32_t n_tokens, width;
};

enum vkh_status vkh_swiglu_create(struct vkh_device *device, enum vkh_gate gate,
                                  struct vkh_swiglu *swiglu)
{
    *swiglu = (struct vkh_swiglu){.device = device};
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_swiglu,
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
        .n_constants = 1,
        .constants = {gate == VKH_GATE_GELU_TANH},
    };
    return vkh_pipeline_get(device, &desc, &swiglu->pipeline);
}

void vkh_swiglu_record(const struct vkh_swiglu *swiglu, struct vkh_cmd *cmd,
                       const struct vkh_swiglu_args *args)
{
    const uint64_t most = vkh_device_caps(swiglu->device)->max_group_count[1];
    const struct push push = {args->n_tokens, args->width};
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = swiglu->pipeline,
                              .bindings = {args->gate_up, args->out},
                              .writes = 1 << 1,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(args->width, ELEMENTS),
                                         (uint32_t)vkh_min_size(args->n_tokens, most), 1},
                              .cost = 16.0 * args->n_tokens * args->width,
                          });
}
