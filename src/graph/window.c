// SPDX-License-Identifier: MIT
#include "graph/window.h"

#include "base/clock.h"
#include "base/log.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"

enum { NO_PART = UINT32_MAX };

// `seconds` are from the first byte that was read of the model until the device had the last one.
static void tell_rate(const struct vkh_window *window, double seconds)
{
    const struct vkh_weights *weights = &window->weights;
    const double gb = 1e-9 * (double)vkh_weights_plan(weights->model, &weights->layout, false);
    vkh_logf(vkh_device_log(window->device), VKH_LOG_DEBUG,
             "weights: %.2f GB uploaded in %.2f s, %.2f GB/s", gb, seconds, gb / seconds);
}

static enum vkh_status load_all(struct vkh_window *window)
{
    const double begin = vkh_clock();
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < vkh_weights_parts(&window->weights) && status == VKH_OK; i++)
        status = vkh_weights_load(&window->weights, window->device, window->upload, i);
    const enum vkh_status finished = vkh_stream_finish(window->stream);
    const double seconds = vkh_clock() - begin;
    vkh_upload_destroy(&window->upload);
    if (status == VKH_OK)
        status = finished;
    if (status == VKH_OK)
        tell_rate(window, seconds);
    return status;
}

enum vkh_status vkh_window_init(struct vkh_device *device, struct vkh_stream *stream,
                                const struct vkh_model *model,
                                const struct vkh_matrix_layout *layout, bool streamed,
                                struct vkh_window *window)
{
    *window = (struct vkh_window){.device = device, .stream = stream, .loaded = NO_PART};
    enum vkh_status status =
        vkh_weights_init(model, layout, streamed, vkh_device_log(device), &window->weights);
    if (status == VKH_OK)
        status = vkh_upload_create(device, stream, vkh_weights_staging(model, layout, streamed),
                                   &window->upload);
    return status == VKH_OK && !streamed ? load_all(window) : status;
}

void vkh_window_fini(struct vkh_window *window)
{
    vkh_upload_destroy(&window->upload);
    vkh_weights_fini(&window->weights);
}

static bool is_layer(const struct vkh_window *window, uint32_t part)
{
    return part >= 1 && part <= window->weights.n_layers;
}

// Leaves nothing on the device.
static enum vkh_status clear(struct vkh_window *window)
{
    const enum vkh_status status = vkh_stream_finish(window->stream);
    for (uint32_t i = 0; i < vkh_weights_parts(&window->weights); i++)
        vkh_weights_drop(&window->weights, i);
    return status;
}

static enum vkh_status load(struct vkh_window *window, uint32_t part)
{
    window->loaded = part;
    return vkh_weights_load(&window->weights, window->device, window->upload, part);
}

enum vkh_status vkh_window_enter(struct vkh_window *window, uint32_t part)
{
    if (!window->upload)
        return VKH_OK;
    if (window->loaded == part) {
        window->part = part;
        return vkh_stream_submit(window->stream, &window->left);
    }
    const enum vkh_status status = clear(window);
    window->part = part;
    return status == VKH_OK ? load(window, part) : status;
}

enum vkh_status vkh_window_prepare(struct vkh_window *window)
{
    const uint32_t next = window->part + 1;
    if (!window->upload || window->loaded == next || !is_layer(window, window->part) ||
        !is_layer(window, next))
        return VKH_OK;
    enum vkh_status status = VKH_OK;
    if (is_layer(window, window->part - 1)) {
        status = vkh_stream_wait(window->stream, window->left);
        vkh_weights_drop(&window->weights, window->part - 1);
    }
    return status == VKH_OK ? load(window, next) : status;
}
