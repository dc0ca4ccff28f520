// SPDX-License-Identifier: MIT
// Whether weights are numbers.
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "model/model.h"

// A multiple of every type's block.
enum { ELEMENTS_AT_ONCE = 4096 };

static bool is_finite(const struct vkh_tensor *tensor)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(tensor->type);
    const uint64_t piece = vkh_dtype_bytes(tensor->type, ELEMENTS_AT_ONCE);
    const uint8_t *data = tensor->data;
    float values[ELEMENTS_AT_ONCE];
    bool finite = true;
    for (uint64_t at = 0; at < tensor->size && finite; at += piece) {
        const uint64_t bytes = vkh_min_size(piece, tensor->size - at);
        const uint64_t n = bytes / info->block_bytes * info->block_elements;
        info->to_float(data + at, values, n);
        for (uint64_t i = 0; i < n; i++)
            finite &= isfinite(values[i]) != 0;
    }
    return finite;
}

static enum vkh_status check(const struct vkh_model *model, const struct vkh_tensor *tensor,
                             const struct vkh_log *log)
{
    if (!tensor || is_finite(tensor))
        return VKH_OK;
    return vkh_fail(log, VKH_ERR_FORMAT, "%s: tensor %s: not all of its numbers are finite",
                    model->path, tensor->name);
}

enum vkh_status vkh_model_check_finite(const struct vkh_model *model, const struct vkh_log *log)
{
    const struct vkh_tensor *const outer[] = {model->embed, model->output_norm, model->output};
    const struct vkh_tensor *of_layer[sizeof(struct vkh_layer) / sizeof(struct vkh_tensor *)];
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < VKH_COUNTOF(outer) && status == VKH_OK; i++)
        status = check(model, outer[i], log);
    for (uint32_t layer = 0; layer < model->config.n_layers && status == VKH_OK; layer++) {
        memcpy(of_layer, &model->layers[layer], sizeof(of_layer));
        for (size_t i = 0; i < VKH_COUNTOF(of_layer) && status == VKH_OK; i++)
            status = check(model, of_layer[i], log);
    }
    return status;
}
