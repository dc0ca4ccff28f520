// SPDX-License-Identifier: MIT
// Models in one GGUF file. Of one that opens, every row of every matrix must be readable.
#include "base/dtype.h"
#include "fuzz.h"
#include "model/model.h"

static void read_tensor(const struct vkh_tensor *tensor)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(tensor->type);
    const uint64_t n_blocks = tensor->size / info->block_bytes;
    float values[256];
    PROMISE(n_blocks > 0);
    info->to_float(tensor->data, values, info->block_elements);
    info->to_float((const uint8_t *)tensor->data + (n_blocks - 1) * info->block_bytes, values,
                   info->block_elements);
}

static void read_model(const struct vkh_model *model)
{
    PROMISE(model->config.n_layers > 0 && model->parameters > 0 && model->weight_type[0]);
    read_tensor(model->embed);
    read_tensor(model->output_norm);
    read_tensor(model->output);
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        read_tensor(model->layers[i].q);
        read_tensor(model->layers[i].o);
        read_tensor(model->layers[i].down);
    }
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    char path[32];
    const int fd = fuzz_file(data, size, path);
    struct vkh_model *model;
    const enum vkh_status status = vkh_model_open(path, &fuzz_log, &model);
    PROMISE(fuzz_is_verdict(status) && (status == VKH_OK) == (model != NULL));
    if (model)
        read_model(model);
    vkh_model_close(&model);
    close(fd);
    return status == VKH_OK;
}
