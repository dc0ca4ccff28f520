// SPDX-License-Identifier: MIT
#include "graph/pass.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/device.h"
#include "gpu/stream.h"

static struct vkh_kv_shape shape_for(const struct vkh_kv_shape *shape, uint32_t n_tokens)
{
    struct vkh_kv_shape sized = *shape;
    sized.capacity = (uint32_t)vkh_round_up(n_tokens, VKH_KEY_TILE);
    return sized;
}

struct vkh_pass_plan vkh_pass_plan(const struct vkh_kv_shape *shape, uint32_t n_layers,
                                   uint32_t n_tokens)
{
    const struct vkh_kv_shape sized = shape_for(shape, n_tokens);
    const struct vkh_kv_shape unpacked = vkh_kv_unpacked(&sized);
    return (struct vkh_pass_plan){
        .kv = n_layers * vkh_kv_bytes(&sized) + (sized.packed ? vkh_kv_bytes(&unpacked) : 0),
        .other = (uint64_t)n_tokens * (4 + 4 + 8 + 4),
    };
}

static enum vkh_status upload(struct vkh_device *device, struct vkh_stream *stream,
                              const char *name, const void *data, uint64_t bytes,
                              struct vkh_buffer **buffer)
{
    const enum vkh_status status =
        vkh_buffer_create(device, name, bytes, VKH_MEMORY_DEVICE, buffer);
    return status == VKH_OK ? vkh_stream_write(stream, vkh_range_all(*buffer), data) : status;
}

static enum vkh_status upload_inputs(struct vkh_device *device, struct vkh_stream *stream,
                                     const struct vkh_pass_inputs *in, struct vkh_pass *pass)
{
    const uint64_t n = in->n_tokens;
    enum vkh_status status = upload(device, stream, "token ids", in->ids, n * 4, &pass->ids);
    if (status == VKH_OK)
        status = upload(device, stream, "targets", in->targets, n * 4, &pass->targets);
    if (status == VKH_OK)
        status = upload(device, stream, "positions", in->positions, n * 8, &pass->positions);
    if (status == VKH_OK)
        status = upload(device, stream, "frequencies", in->frequencies,
                        (uint64_t)in->n_frequencies * 8, &pass->frequencies);
    if (status == VKH_OK && in->local_frequencies)
        status = upload(device, stream, "local frequencies", in->local_frequencies,
                        (uint64_t)in->n_frequencies * 8, &pass->local_frequencies);
    if (status == VKH_OK)
        status = vkh_buffer_create(device, "NLL", n * 4, VKH_MEMORY_DEVICE, &pass->nll);
    return status;
}

enum vkh_status vkh_pass_check_kv(const struct vkh_caps *caps, const struct vkh_kv_shape *shape,
                                  uint32_t n_tokens, const struct vkh_log *log)
{
    const struct vkh_kv_shape sized = shape_for(shape, n_tokens);
    const struct vkh_kv_shape unpacked = vkh_kv_unpacked(&sized);
    const uint64_t layer = vkh_kv_bytes(&unpacked);
    const char *less = unpacked.half ? "shorter lengths" : "shorter lengths, or F16,";
    if (vkh_kv_heads_per_binding(&unpacked, caps->max_storage_range) == 0)
        return vkh_fail(log, VKH_ERR_DEVICE_MEMORY,
                        "%u tokens: one head's keys and values in %s take %llu bytes, the device "
                        "binds at most %llu at once: %s take less",
                        n_tokens, vkh_kv_type_name(&unpacked),
                        (unsigned long long)vkh_kv_head_bytes(&unpacked),
                        (unsigned long long)caps->max_storage_range, less);
    if (layer > caps->max_allocation)
        return vkh_fail(log, VKH_ERR_DEVICE_MEMORY,
                        "%u tokens: one layer's keys and values in %s take %llu bytes, the device "
                        "allocates at most %llu at once: %s take less",
                        n_tokens, vkh_kv_type_name(&unpacked), (unsigned long long)layer,
                        (unsigned long long)caps->max_allocation, less);
    return VKH_OK;
}

static enum vkh_status create_kv(struct vkh_device *device, struct vkh_stream *stream,
                                 const struct vkh_kv_shape *shape, uint32_t n_tokens,
                                 struct vkh_buffer **kv)
{
    const struct vkh_kv_shape sized = shape_for(shape, n_tokens);
    enum vkh_status status =
        vkh_pass_check_kv(vkh_device_caps(device), shape, n_tokens, vkh_device_log(device));
    if (status == VKH_OK)
        status = vkh_buffer_create(device, "keys and values", vkh_kv_bytes(&sized),
                                   VKH_MEMORY_DEVICE, kv);
    if (status == VKH_OK) // Slots past the last token are read under the mask; they must be finite.
        vkh_cmd_fill(vkh_stream_cmd(stream), vkh_range_all(*kv), 0);
    return status;
}

static enum vkh_status create_room(struct vkh_device *device, struct vkh_stream *stream,
                                   const struct vkh_kv_shape *shape, uint32_t n_tokens,
                                   struct vkh_buffer **room)
{
    const struct vkh_kv_shape unpacked = vkh_kv_unpacked(shape);
    return shape->packed ? create_kv(device, stream, &unpacked, n_tokens, room) : VKH_OK;
}

enum vkh_status vkh_layer_kv_create(struct vkh_device *device, struct vkh_stream *stream,
                                    const struct vkh_kv_shape *shape, uint32_t n_tokens,
                                    struct vkh_layer_kv *kv)
{
    *kv = (struct vkh_layer_kv){0};
    const enum vkh_status status = create_kv(device, stream, shape, n_tokens, &kv->kept);
    return status == VKH_OK ? create_room(device, stream, shape, n_tokens, &kv->room) : status;
}

void vkh_layer_kv_destroy(struct vkh_layer_kv *kv)
{
    vkh_buffer_destroy(&kv->kept);
    vkh_buffer_destroy(&kv->room);
}

enum vkh_status vkh_pass_create(struct vkh_device *device, struct vkh_stream *stream,
                                const struct vkh_pass_kv *kv, const struct vkh_pass_inputs *inputs,
                                struct vkh_pass *pass)
{
    *pass = (struct vkh_pass){
        .first_token = inputs->first_token,
        .n_tokens = inputs->n_tokens,
        .attention_scale = inputs->attention_scale,
        .kv_shape = shape_for(&kv->shape, inputs->n_tokens),
        .n_layers = kv->n_layers,
        .kv = kv->n_layers ? calloc(kv->n_layers, sizeof(*pass->kv)) : NULL,
        .one = kv->one,
    };
    enum vkh_status status =
        pass->kv || pass->one
            ? upload_inputs(device, stream, inputs, pass)
            : vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "keys and values: out of memory");
    for (uint32_t i = 0; i < pass->n_layers && status == VKH_OK; i++)
        status = create_kv(device, stream, &kv->shape, inputs->n_tokens, &pass->kv[i]);
    if (status == VKH_OK && pass->kv)
        status = create_room(device, stream, &kv->shape, inputs->n_tokens, &pass->room);
    const enum vkh_status finished = vkh_stream_finish(stream);
    if (status == VKH_OK)
        status = finished;
    if (status != VKH_OK)
        vkh_pass_destroy(pass);
    return status;
}

void vkh_pass_destroy(struct vkh_pass *pass)
{
    vkh_buffer_destroy(&pass->ids);
    vkh_buffer_destroy(&pass->targets);
    vkh_buffer_destroy(&pass->positions);
    vkh_buffer_destroy(&pass->frequencies);
    vkh_buffer_destroy(&pass->local_frequencies);
    vkh_buffer_destroy(&pass->nll);
    for (uint32_t i = 0; pass->kv && i < pass->n_layers; i++)
        vkh_buffer_destroy(&pass->kv[i]);
    vkh_buffer_destroy(&pass->room);
    free(pass->kv);
    *pass = (struct vkh_pass){0};
}

enum vkh_status vkh_pass_read(const struct vkh_pass *pass, struct vkh_stream *stream, float *nll)
{
    return vkh_stream_read(stream, nll, vkh_range_all(pass->nll));
}
