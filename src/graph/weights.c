// SPDX-License-Identifier: MIT
#include "graph/weights.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "model/model.h"

static uint64_t tensor_bytes(const struct vkh_tensor *tensor)
{
    if (tensor->n_dims == 1)
        return tensor->shape[0] * 4;
    return vkh_weight_bytes(tensor->type, tensor->shape[0], tensor->shape[1]);
}

uint64_t vkh_weights_plan(const struct vkh_model *model)
{
    uint64_t bytes = tensor_bytes(model->embed) + tensor_bytes(model->output_norm);
    if (model->output != model->embed)
        bytes += tensor_bytes(model->output);
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        const struct vkh_layer *l = &model->layers[i];
        bytes += tensor_bytes(l->attn_norm) + tensor_bytes(l->q) + tensor_bytes(l->k) +
                 tensor_bytes(l->v) + tensor_bytes(l->o) + tensor_bytes(l->ffn_norm) +
                 tensor_bytes(l->gate) + tensor_bytes(l->up) + tensor_bytes(l->down);
    }
    return bytes;
}

struct upload {
    struct vkh_device *device;
    struct vkh_stream *stream;
    enum vkh_status status; // the first failure; nothing is uploaded after it
};

// A vector, widened to fp32.
static void upload_vector(struct upload *u, const struct vkh_tensor *tensor,
                          struct vkh_buffer **buffer)
{
    *buffer = NULL;
    if (u->status != VKH_OK)
        return;
    const uint64_t n = tensor->shape[0];
    float *values = malloc(n * sizeof(*values));
    if (!values) {
        u->status = vkh_fail(vkh_device_log(u->device), VKH_ERR_MEMORY, "%s: out of host memory",
                             tensor->name);
        return;
    }
    vkh_dtype_info(tensor->type)->to_float(tensor->data, values, n);
    u->status = vkh_buffer_create(u->device, tensor->name, n * 4, VKH_MEMORY_DEVICE, buffer);
    if (u->status == VKH_OK)
        u->status = vkh_stream_write(u->stream, vkh_range_all(*buffer), values);
    free(values);
}

static void upload_stack(struct upload *u, const struct vkh_tensor *const *tensors, uint32_t n,
                         struct vkh_stack *stack)
{
    for (uint32_t i = 0; i < n && u->status == VKH_OK;) {
        struct vkh_weight_part parts[VKH_MAX_STACK];
        uint32_t n_parts = 0;
        const struct vkh_tensor *first = tensors[i];
        for (; i < n && tensors[i]->type == first->type; i++)
            parts[n_parts++] = (struct vkh_weight_part){tensors[i]->data, tensors[i]->shape[0]};
        struct vkh_weight *weight = &stack->weights[stack->n];
        u->status = vkh_weight_create(u->device, u->stream, first->name, first->type,
                                      first->shape[1], parts, n_parts, 0, weight);
        if (u->status == VKH_OK) {
            stack->n++;
            stack->rows += weight->rows;
        }
    }
}

static void upload_layer(struct upload *u, const struct vkh_layer *from,
                         struct vkh_layer_weights *to)
{
    upload_vector(u, from->attn_norm, &to->attn_norm);
    upload_vector(u, from->ffn_norm, &to->ffn_norm);
    upload_stack(u, (const struct vkh_tensor *const[]){from->q, from->k, from->v}, 3, &to->qkv);
    upload_stack(u, &from->o, 1, &to->o);
    upload_stack(u, (const struct vkh_tensor *const[]){from->gate, from->up}, 2, &to->gate_up);
    upload_stack(u, &from->down, 1, &to->down);
}

enum vkh_status vkh_weights_create(struct vkh_device *device, struct vkh_stream *stream,
                                   const struct vkh_model *model, struct vkh_weights *weights)
{
    *weights = (struct vkh_weights){0};
    weights->layers = calloc(model->config.n_layers, sizeof(*weights->layers));
    if (!weights->layers)
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "weights: out of host memory");
    weights->n_layers = model->config.n_layers;
    struct upload u = {device, stream, VKH_OK};
    upload_stack(&u, &model->embed, 1, &weights->embed);
    if (model->output != model->embed)
        upload_stack(&u, &model->output, 1, &weights->output);
    upload_vector(&u, model->output_norm, &weights->output_norm);
    for (uint32_t i = 0; i < weights->n_layers && u.status == VKH_OK; i++)
        upload_layer(&u, &model->layers[i], &weights->layers[i]);
    if (u.status != VKH_OK)
        vkh_weights_destroy(weights);
    return u.status;
}

static void destroy_stack(struct vkh_stack *stack)
{
    for (uint32_t i = 0; i < stack->n; i++)
        vkh_weight_destroy(&stack->weights[i]);
}

void vkh_weights_destroy(struct vkh_weights *weights)
{
    destroy_stack(&weights->embed);
    destroy_stack(&weights->output);
    vkh_buffer_destroy(&weights->output_norm);
    for (uint32_t i = 0; i < weights->n_layers; i++) {
        struct vkh_layer_weights *layer = &weights->layers[i];
        vkh_buffer_destroy(&layer->attn_norm);
        vkh_buffer_destroy(&layer->ffn_norm);
        destroy_stack(&layer->qkv);
        destroy_stack(&layer->o);
        destroy_stack(&layer->gate_up);
        destroy_stack(&layer->down);
    }
    free(weights->layers);
    *weights = (struct vkh_weights){0};
}
