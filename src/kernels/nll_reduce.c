// SPDX-License-Identifier: MIT
#include "kernels/nll_reduce.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "shaders/table.h"

enum { TOKENS = 16 }; // of a workgroup

struct push {
    uint32_t n_tokens, n_parts;
};

enum vkh_status vkh_nll_reduce_create(struct vkh_device *device, struct vkh_nll_reduce *reduce)
{
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_nll_reduce,
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
    };
    return vkh_pipeline_get(device, &desc, &reduce->pipeline);
}

void vkh_nll_reduce_record(const struct vkh_nll_reduce *reduce, struct vkh_cmd *cmd,
                           const struct vkh_nll_reduce_args *args)
{
    const struct push push = {args->n_tokens, args->n_parts};
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = reduce->pipeline,
                              .bindings = {args->scratch, args->targets, args->nll},
                              .writes = 1 << 2,
                              .push = &push,
                              .groups = {(uint32_t)vkh_div_up(args->n_tokens, TOKENS), 1, 1},
                              .cost = 16.0 * args->n_tokens * args->n_parts,
                          });
}
