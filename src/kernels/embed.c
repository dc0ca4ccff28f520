// SPDX-License-Identifier: MIT
#include "kernels/embed.h"

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "shaders/table.h"

enum { COLS = 512 }; // of a workgroup

struct push {
    uint32_t n_tokens, first_row, n_rows, cols, row_words;
    float scale;
};

enum vkh_status vkh_embed_create(struct vkh_device *device, enum vkh_dtype type,
                                 struct vkh_embed *embed)
{
    static const struct vkh_shader *const shaders[VKH_N_DTYPES] = {
#define OF_TYPE(NAME, name) [VKH_##NAME] = &vkh_shader_embed_##name,
        VKH_DTYPES(OF_TYPE)
#undef OF_TYPE
    };
    *embed = (struct vkh_embed){.device = device};
    const struct vkh_pipeline_desc desc = {
        .shader = shaders[type],
        .n_bindings = 3,
        .push_bytes = sizeof(struct push),
    };
    return vkh_pipeline_get(device, &desc, &embed->pipeline);
}

void vkh_embed_record(const struct vkh_embed *embed, struct vkh_cmd *cmd,
                      const struct vkh_embed_args *args)
{
    const struct vkh_weight *table = args->table;
    const uint64_t most = vkh_device_caps(embed->device)->max_group_count[1];
    for (uint32_t i = 0; i < table->n_slices; i++) {
        const struct vkh_weight_slice *slice = &table->slices[i];
        const struct push push = {
            .n_tokens = args->n_tokens,
            .first_row = (uint32_t)slice->first,
            .n_rows = (uint32_t)slice->n,
            .cols = (uint32_t)table->cols,
            .row_words = table->row_words,
            .scale = args->scale,
        };
        vkh_cmd_dispatch(cmd, &(struct vkh_dispatch){
                                  .pipeline = embed->pipeline,
                                  .bindings = {args->ids, vkh_range_all(slice->buffer), args->out},
                                  .writes = 1 << 2,
                                  .push = &push,
                                  .groups = {(uint32_t)vkh_div_up(table->cols, COLS),
                                             (uint32_t)vkh_min_size(args->n_tokens, most), 1},
                                  .cost = (double)args->n_tokens * (double)table->cols,
                              });
    }
}
