// SPDX-License-Identifier: MIT
#include "gpu/matrix.h"

#include <string.h>

#include "base/log.h"
#include "gpu/internal.h"
#include "gpu/matrix_order.h"
#include "gpu/stream.h"
#include "shaders/table.h"

static enum vkh_status ask_device(struct vkh_device *device, const struct vkh_shader *shader,
                                  uint32_t seen[VKH_MATRIX_SEEN])
{
    const struct vkh_matrix_shape *shape = &device->caps.matrix;
    const uint32_t lanes = vkh_matrix_subgroup(shape);
    const struct vkh_pipeline_desc desc = {
        .shader = shader,
        .n_bindings = 1,
        .n_constants = 4,
        .constants = {shape->m, shape->n, shape->k, lanes},
        .subgroup_size = vkh_device_subgroup(device, lanes),
    };
    const uint64_t bytes = (uint64_t)3 * lanes * VKH_MATRIX_SLOTS * 4;
    const struct vkh_pipeline *pipeline;
    struct vkh_stream *stream = NULL;
    struct vkh_buffer *buffer = NULL;
    enum vkh_status status = vkh_pipeline_get(device, &desc, &pipeline);
    if (status == VKH_OK)
        status = vkh_stream_create(device, &stream);
    if (status == VKH_OK)
        status = vkh_buffer_create(device, "matrix layout", bytes, VKH_MEMORY_DEVICE, &buffer);
    if (status == VKH_OK) {
        vkh_cmd_fill(vkh_stream_cmd(stream), vkh_range_all(buffer), UINT32_MAX);
        vkh_cmd_dispatch(vkh_stream_cmd(stream),
                         &(struct vkh_dispatch){.pipeline = pipeline,
                                                .bindings = {vkh_range_all(buffer)},
                                                .writes = 1,
                                                .groups = {1, 1, 1}});
        status = vkh_stream_read(stream, seen, vkh_range_all(buffer));
    }
    vkh_buffer_destroy(&buffer);
    vkh_stream_destroy(&stream);
    return status;
}

// Whether matrices of bf16 lie as those of fp16 do.
static enum vkh_status ask_bf16(struct vkh_device *device, const uint32_t *seen,
                                struct vkh_matrix_layout *layout)
{
    uint32_t of_bf16[VKH_MATRIX_SEEN];
    if (!vkh_shader_matrix_layout_bf16.bytes || !(device->caps.bits & VKH_CAP_MATRIX_BF16) ||
        layout->side != VKH_MATRIX_MAX_SIDE || layout->transposed)
        return VKH_OK;
    const enum vkh_status status = ask_device(device, &vkh_shader_matrix_layout_bf16, of_bf16);
    layout->has_bf16 = status == VKH_OK && memcmp(seen, of_bf16, sizeof(of_bf16)) == 0;
    return status;
}

static enum vkh_status measure(struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    const struct vkh_matrix_shape *shape = &device->caps.matrix;
    *layout = (struct vkh_matrix_layout){0};
    if (!vkh_shader_matrix_layout.bytes || !(device->caps.bits & VKH_CAP_MATRIX16) ||
        !vkh_matrix_has_tile(shape) ||
        !vkh_device_has_subgroup(device, vkh_matrix_subgroup(shape)) ||
        !vkh_device_has_subgroup(device, shape->k * shape->k / 8)) // the norm's
        return VKH_OK;
    uint32_t seen[VKH_MATRIX_SEEN];
    const enum vkh_status status = ask_device(device, &vkh_shader_matrix_layout, seen);
    if (status != VKH_OK)
        return status;
    vkh_matrix_describe(seen, shape, layout);
    if (!layout->side)
        vkh_logf(vkh_device_log(device), VKH_LOG_INFO,
                 "no kernel reads the device's matrices of %ux%ux%u: rows of fp32 instead",
                 shape->m, shape->n, shape->k);
    return ask_bf16(device, seen, layout);
}

enum vkh_status vkh_matrix_layout(struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    pthread_mutex_lock(&device->lock);
    const bool known = device->matrix_known;
    *layout = device->matrix;
    pthread_mutex_unlock(&device->lock);
    if (known)
        return VKH_OK;
    const enum vkh_status status = measure(device, layout);
    if (status != VKH_OK)
        return status;
    pthread_mutex_lock(&device->lock);
    device->matrix = *layout;
    device->matrix_known = true;
    pthread_mutex_unlock(&device->lock);
    return VKH_OK;
}

void vkh_matrix_constants(const struct vkh_matrix_layout *layout,
                          uint32_t constants[VKH_MATRIX_CONSTANTS])
{
    const uint32_t values[VKH_MATRIX_CONSTANTS] = {layout->a, layout->b, layout->c,
                                                   layout->column_lanes};
    for (int i = 0; i < VKH_MATRIX_CONSTANTS; i++)
        constants[i] = values[i];
}
