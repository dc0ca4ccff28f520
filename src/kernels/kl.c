// SPDX-License-Identifier: MIT
#include "kernels/kl.h"

#include "gpu/cmd.h"
#include "shaders/table.h"

struct push {
    uint32_t vocab, stride;
    float p_cap, q_cap;
};

enum vkh_status vkh_kl_create(struct vkh_device *device, struct vkh_kl *kl)
{
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_kl,
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
    };
    return vkh_pipeline_get(device, &desc, &kl->pipeline);
}

void vkh_kl_record(const struct vkh_kl *kl, struct vkh_cmd *cmd, const struct vkh_kl_args *args)
{
    const struct push push = {args->vocab, args->stride, args->p_cap, args->q_cap};
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = kl->pipeline,
                              .bindings = {args->p, args->q, args->targets, args->out},
                              .writes = 1 << 3,
                              .push = &push,
                              .groups = {args->n_tokens, 1, 1},
                              .cost = 64.0 * args->n_tokens * args->vocab,
                          });
}
