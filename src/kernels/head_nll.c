// SPDX-License-Identifier: MIT
#include "kernels/head_nll.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { PART = 512 };

struct push {
    uint32_t n_tokens, n_rows, cols, row_words;
    uint32_t first_row, first_part, n_parts;
    float soft_cap;
};

// clang-format off
#define VARIANTS(type)                                                                             \
    {                                                                                              \
        {"floor", 0, &vkh_shader_head_nll_##type, 64},                                              \
        {"wide", WIDE_NEEDS, &vkh_shader_head_nll_wide_##type, 128},                                \
        {"lanes", VKH_CAP_CPU | VKH_CAP_SUBGROUP, &vkh_shader_head_nll_lanes_##type, 16},           \
    }
#define OF_TYPE(NAME, name) [VKH_##NAME] = VARIANTS(name),
// clang-format on

enum { FLOOR, WIDE, LANES, N_VARIANTS };
enum { WIDE_NEEDS = VKH_CAP_SHARED_32K | VKH_CAP_GROUP_256 | VKH_NEEDS_ROWS };

static const struct vkh_variant variants[VKH_N_DTYPES][N_VARIANTS] = {VKH_DTYPES(OF_TYPE)};

const struct vkh_variant *vkh_head_nll_variants(enum vkh_dtype type, uint32_t *n)
{
    *n = N_VARIANTS;
    return variants[type];
}

enum vkh_status vkh_head_nll_create(struct vkh_device *device, enum vkh_dtype type,
                                    const struct vkh_variant *variant, struct vkh_head_nll *head)
{
    *head = (struct vkh_head_nll){.device = device, .variant = variant};
    enum vkh_status status = VKH_OK;
    if (!variant)
        status = vkh_variant_choose(device, "head", vkh_dtype_info(type)->name, variants[type],
                                    N_VARIANTS, &head->variant);
    if (status != VKH_OK)
        return status;
    const bool lanes = head->variant == &variants[type][LANES];
    const bool wide = head->variant == &variants[type][WIDE];
    const struct vkh_pipeline_desc partial = {
        .shader = head->variant->shader,
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
        .n_constants = lanes,
        .constants = {vkh_device_caps(device)->subgroup_size},
        .subgroup_size = wide ? vkh_variant_row_subgroup(device) : 0,
    };
    status = vkh_pipeline_get(device, &partial, &head->partial);
    return status == VKH_OK ? vkh_nll_reduce_create(device, &head->reduce) : status;
}

uint64_t vkh_head_nll_scratch_bytes(uint64_t vocab, uint32_t n_tokens)
{
    return vkh_nll_scratch_bytes(vkh_div_up(vocab, PART), n_tokens);
}

void vkh_head_nll_record(const struct vkh_head_nll *head, struct vkh_cmd *cmd,
                         const struct vkh_head_nll_args *args)
{
    const struct vkh_weight *weight = args->weight;
    const uint32_t n_parts = (uint32_t)vkh_div_up(weight->rows, PART);
    for (uint32_t i = 0; i < weight->n_slices; i++) {
        const struct vkh_weight_slice *slice = &weight->slices[i];
        const struct push push = {
            .n_tokens = args->n_tokens,
            .n_rows = (uint32_t)slice->n,
            .cols = (uint32_t)weight->cols,
            .row_words = weight->row_words,
            .first_row = (uint32_t)slice->first,
            .first_part = (uint32_t)(slice->first / PART),
            .n_parts = n_parts,
            .soft_cap = args->soft_cap,
        };
        vkh_cmd_dispatch(
            cmd,
            &(struct vkh_dispatch){
                .pipeline = head->partial,
                .bindings = {args->x, vkh_range_all(slice->buffer), args->targets, args->scratch},
                .writes = 1 << 3,
                .push = &push,
                .groups = {(uint32_t)vkh_div_up(slice->n, PART),
                           (uint32_t)vkh_div_up(args->n_tokens, head->variant->tile_tokens), 1},
                .cost = (double)args->n_tokens * (double)slice->n * (double)weight->cols,
            });
    }
    vkh_nll_reduce_record(&head->reduce, cmd,
                          &(struct vkh_nll_reduce_args){args->scratch, args->targets, args->nll,
                                                        args->n_tokens, n_parts});
}
