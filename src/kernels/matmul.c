// SPDX-License-Identifier: MIT
#include "kernels/matmul.h"

#include "base/log.h"
#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

struct push {
    uint32_t n_tokens, n_rows, cols, row_words;
    uint32_t out_first, out_stride, accumulate;
};

// clang-format off
#define VARIANTS(type)                                                                             \
    {                                                                                              \
        {"floor", 0, &vkh_shader_matmul_##type, 64},                                              \
        {"wide", WIDE_NEEDS, &vkh_shader_matmul_wide_##type, 128},                                \
        {"lanes", VKH_CAP_CPU | VKH_CAP_SUBGROUP, &vkh_shader_matmul_lanes_##type, 16},           \
    }
#define OF_TYPE(NAME, name) [VKH_##NAME] = VARIANTS(name),
// clang-format on

enum { FLOOR, WIDE, LANES, N_VARIANTS };
enum { WIDE_NEEDS = VKH_CAP_SHARED_32K | VKH_CAP_GROUP_256 };

static const struct vkh_variant variants[VKH_N_DTYPES][N_VARIANTS] = {VKH_DTYPES(OF_TYPE)};

const struct vkh_variant *vkh_matmul_variants(enum vkh_dtype type, uint32_t *n)
{
    *n = N_VARIANTS;
    return variants[type];
}

enum vkh_status vkh_matmul_create(struct vkh_device *device, enum vkh_dtype type,
                                  const struct vkh_variant *variant, struct vkh_matmul *matmul)
{
    *matmul = (struct vkh_matmul){.device = device, .variant = variant};
    if (!variant) {
        const enum vkh_status status =
            vkh_variant_choose(device, "matmul", vkh_dtype_info(type)->name, variants[type],
                               N_VARIANTS, &matmul->variant);
        if (status != VKH_OK)
            return status;
    }
    const bool lanes = matmul->variant == &variants[type][LANES];
    const uint32_t subgroup = vkh_device_caps(device)->subgroup_size;
    matmul->tile_rows = lanes ? 8 * subgroup : matmul->variant->tile_tokens;
    const struct vkh_pipeline_desc desc = {
        .shader = matmul->variant->shader,
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
        .n_constants = lanes,
        .constants = {subgroup},
    };
    return vkh_pipeline_get(device, &desc, &matmul->pipeline);
}

void vkh_matmul_record(const struct vkh_matmul *matmul, struct vkh_cmd *cmd,
                       const struct vkh_matmul_args *args)
{
    const struct vkh_weight *weight = args->weight;
    for (uint32_t i = 0; i < weight->n_slices; i++) {
        const struct vkh_weight_slice *slice = &weight->slices[i];
        const struct push push = {
            .n_tokens = args->n_tokens,
            .n_rows = (uint32_t)slice->n,
            .cols = (uint32_t)weight->cols,
            .row_words = weight->row_words,
            .out_first = args->out_first + (uint32_t)slice->first,
            .out_stride = args->out_stride,
            .accumulate = args->accumulate,
        };
        vkh_cmd_dispatch(
            cmd,
            &(struct vkh_dispatch){
                .pipeline = matmul->pipeline,
                .bindings = {args->x, vkh_range_all(slice->buffer), args->out},
                .writes = 1 << 2,
                .push = &push,
                .groups = {(uint32_t)vkh_div_up(slice->n, matmul->tile_rows),
                           (uint32_t)vkh_div_up(args->n_tokens, matmul->variant->tile_tokens), 1},
                .cost = (double)args->n_tokens * (double)slice->n * (double)weight->cols,
            });
    }
}
