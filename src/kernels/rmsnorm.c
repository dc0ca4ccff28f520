// SPDX-License-Identifier: MIT
#include "kernels/rmsnorm.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

struct push {
    uint32_t n_rows, width;
    float eps;
    uint32_t accumulate;
    uint32_t n_heads, row_elements, first;
};

enum { FLOOR, LANES, N_VARIANTS };

static const struct vkh_variant variants[N_VARIANTS] = {
    {"floor", 0, &vkh_shader_rmsnorm, 1},
    {"lanes", VKH_CAP_CPU | VKH_CAP_SUBGROUP, &vkh_shader_rmsnorm_lanes, 1},
};

const struct vkh_variant *vkh_rmsnorm_variants(uint32_t *n)
{
    *n = N_VARIANTS;
    return variants;
}

enum vkh_status vkh_rmsnorm_create(struct vkh_device *device, const struct vkh_variant *variant,
                                   struct vkh_rmsnorm *norm)
{
    *norm = (struct vkh_rmsnorm){.device = device, .variant = variant};
    if (!variant) {
        const enum vkh_status status =
            vkh_variant_choose(device, "rmsnorm", NULL, variants, N_VARIANTS, &norm->variant);
        if (status != VKH_OK)
            return status;
    }
    const struct vkh_pipeline_desc desc = {
        .shader = norm->variant->shader,
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
        .n_constants = norm->variant == &variants[LANES],
        .constants = {vkh_device_caps(device)->subgroup_size},
    };
    return vkh_pipeline_get(device, &desc, &norm->pipeline);
}

void vkh_rmsnorm_record(const struct vkh_rmsnorm *norm, struct vkh_cmd *cmd,
                        const struct vkh_rmsnorm_args *args)
{
    const uint64_t most = vkh_device_caps(norm->device)->max_group_count[0];
    const uint32_t n_heads = args->n_heads ? args->n_heads : 1;
    const struct push push = {
        .n_rows = args->n_tokens * n_heads,
        .width = args->width,
        .eps = args->eps,
        .accumulate = args->accumulate,
        .n_heads = n_heads,
        .row_elements = args->n_heads ? args->row_elements : args->width,
        .first = args->first,
    };
    vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                              .pipeline = norm->pipeline,
                              .bindings = {args->x, args->weight, args->out},
                              .writes = 1 << 2,
                              .push = &push,
                              .groups = {(uint32_t)vkh_min_size(push.n_rows, most), 1, 1},
                              .cost = 4.0 * push.n_rows * args->width,
                          });
}
