// SPDX-License-Identifier: MIT
#include "graph/weights.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"
#include "model/model.h"

static uint64_t vector_bytes(const struct vkh_tensor *tensor)
{
    return tensor ? tensor->shape[0] * 4 : 0;
}

static uint64_t matrix_bytes(const struct vkh_tensor *tensor,
                             const struct vkh_matrix_layout *layout)
{
    if (layout->side)
        return vkh_matrix_weight_bytes(layout, tensor->type, tensor->shape[0], tensor->shape[1]);
    return vkh_weight_bytes(tensor->type, tensor->shape[0], tensor->shape[1]);
}

static uint64_t layer_bytes(const struct vkh_layer *l, const struct vkh_matrix_layout *layout)
{
    const struct vkh_tensor *const vectors[] = {l->attn_norm, l->ffn_norm,       l->q_bias,
                                                l->k_bias,    l->v_bias,         l->q_norm,
                                                l->k_norm,    l->post_attn_norm, l->post_ffn_norm};
    const struct vkh_tensor *const matrices[] = {l->q, l->k, l->v, l->o, l->gate, l->up, l->down};
    uint64_t bytes = 0;
    for (size_t i = 0; i < VKH_COUNTOF(vectors); i++)
        bytes += vector_bytes(vectors[i]);
    for (size_t i = 0; i < VKH_COUNTOF(matrices); i++)
        bytes += matrix_bytes(matrices[i], layout);
    return bytes;
}

static uint64_t embed_bytes(const struct vkh_model *model)
{
    static const struct vkh_matrix_layout rows;
    return matrix_bytes(model->embed, &rows);
}

static uint64_t head_bytes(const struct vkh_model *model, const struct vkh_matrix_layout *layout,
                           bool streamed)
{
    const bool own = model->output != model->embed || layout->side || streamed;
    return vector_bytes(model->output_norm) + (own ? matrix_bytes(model->output, layout) : 0);
}

// The most that two neighbours take.
static uint64_t window_bytes(const struct vkh_model *model, const struct vkh_matrix_layout *layout)
{
    uint64_t before = 0, most = 0;
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        const uint64_t bytes = layer_bytes(&model->layers[i], layout);
        most = vkh_max_size(most, before + bytes);
        before = bytes;
    }
    return most;
}

// Streamed, the most that is there at a time.
static uint64_t most_bytes(const struct vkh_model *model, const struct vkh_matrix_layout *layout)
{
    return vkh_max_size(window_bytes(model, layout),
                        vkh_max_size(embed_bytes(model), head_bytes(model, layout, true)));
}

uint64_t vkh_weights_plan(const struct vkh_model *model, const struct vkh_matrix_layout *layout,
                          bool streamed)
{
    if (streamed)
        return most_bytes(model, layout) +
               (layout->side ? vkh_upload_landing(vkh_weights_staging(model, layout, true)) : 0);
    uint64_t bytes = embed_bytes(model) + head_bytes(model, layout, false);
    for (uint32_t i = 0; i < model->config.n_layers; i++)
        bytes += layer_bytes(&model->layers[i], layout);
    return bytes;
}

uint64_t vkh_weights_staging(const struct vkh_model *model, const struct vkh_matrix_layout *layout,
                             bool streamed)
{
    static const uint64_t most = 256 << 20;
    if (!streamed)
        return vkh_min_size(VKH_UPLOAD_PIECE, vkh_weights_plan(model, layout, false));
    // The rest of a half into which no whole piece goes stays unused.
    const uint64_t quarter = window_bytes(model, layout) / 4;
    const uint64_t half = quarter + vkh_min_size(quarter, 2 * VKH_UPLOAD_PIECE);
    return vkh_max_size(vkh_min_size(most, half),
                        vkh_min_size(VKH_UPLOAD_PIECE, most_bytes(model, layout)));
}

static uint64_t unpacked_bytes(const struct vkh_device *device, const struct vkh_tensor *tensor,
                               uint64_t rows, const struct vkh_matrix_layout *layout)
{
    return vkh_matrix_unpack_bytes(device, layout, tensor->type, rows, tensor->shape[1]);
}

uint64_t vkh_weights_unpacked(const struct vkh_device *device, const struct vkh_model *model,
                              const struct vkh_matrix_layout *layout)
{
    uint64_t bytes = unpacked_bytes(device, model->output, model->output->shape[0], layout);
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        const struct vkh_layer *l = &model->layers[i];
        const uint64_t qkv = l->q->shape[0] + l->k->shape[0] + l->v->shape[0];
        const uint64_t all[] = {
            unpacked_bytes(device, l->q, qkv, layout),
            unpacked_bytes(device, l->k, qkv, layout),
            unpacked_bytes(device, l->v, qkv, layout),
            unpacked_bytes(device, l->o, l->o->shape[0], layout),
            unpacked_bytes(device, l->gate, 2 * l->gate->shape[0], layout),
            unpacked_bytes(device, l->down, l->down->shape[0], layout),
        };
        for (size_t j = 0; j < VKH_COUNTOF(all); j++)
            bytes = vkh_max_size(bytes, all[j]);
    }
    return bytes;
}

struct loading {
    struct vkh_device *device;
    struct vkh_upload *upload;
    float norm_shift;                // added to norms
    struct vkh_matrix_layout layout; // side 0: rows; else right operands of cooperative matrices
    enum vkh_status status;          // the first failure; nothing is uploaded after it
};

// A vector in fp32, each element plus `shift`. `to` is only written.
static void widen(const struct vkh_tensor *vector, float shift, float *to)
{
    enum { AT_ONCE = 256 }; // whole blocks of any type
    const struct vkh_dtype_info *info = vkh_dtype_info(vector->type);
    const uint8_t *from = vector->data;
    float values[AT_ONCE];
    for (uint64_t i = 0; i < vector->shape[0]; i += AT_ONCE) {
        const uint64_t n = vkh_min_size(AT_ONCE, vector->shape[0] - i);
        info->to_float(from + vkh_dtype_bytes(vector->type, i), values, n);
        for (uint64_t j = 0; j < n; j++)
            to[i + j] = values[j] + shift;
    }
}

// Vectors, widened to fp32, one after another, each element plus `shift`. NULL where there is none.
static void upload_vectors(struct loading *u, const struct vkh_tensor *const *tensors, uint32_t n,
                           float shift, struct vkh_buffer **buffer)
{
    *buffer = NULL;
    if (u->status != VKH_OK || !tensors[0])
        return;
    uint64_t length = 0, at = 0;
    for (uint32_t i = 0; i < n; i++)
        length += tensors[i]->shape[0];
    void *memory;
    u->status =
        vkh_buffer_create(u->device, tensors[0]->name, length * 4, VKH_MEMORY_DEVICE, buffer);
    if (u->status == VKH_OK)
        u->status = vkh_upload_reserve(u->upload, length * 4, &memory);
    if (u->status != VKH_OK)
        return;
    for (uint32_t i = 0; i < n; at += tensors[i++]->shape[0])
        widen(tensors[i], shift, (float *)memory + at);
    vkh_upload_copy(u->upload, vkh_range_all(*buffer));
}

static void upload_norm(struct loading *u, const struct vkh_tensor *tensor,
                        struct vkh_buffer **buffer)
{
    upload_vectors(u, &tensor, 1, u->norm_shift, buffer);
}

// What follows `first` of its type is one matrix with it.
static void upload_part(struct loading *u, const struct vkh_tensor *first,
                        const struct vkh_weight_part *parts, uint32_t n_parts, bool glu,
                        struct vkh_stack *stack)
{
    const uint64_t cols = first->shape[1];
    if (u->layout.side)
        u->status =
            vkh_matrix_weight_create(u->device, u->upload, &u->layout, first->name, first->type,
                                     cols, parts, n_parts, glu, 0, &stack->matrices[stack->n]);
    else
        u->status = vkh_weight_create(u->device, u->upload, first->name, first->type, cols, parts,
                                      n_parts, 0, &stack->weights[stack->n]);
    if (u->status != VKH_OK)
        return;
    stack->n++;
    for (uint32_t i = 0; i < n_parts; i++)
        stack->rows += parts[i].rows;
}

static void upload_stack(struct loading *u, const struct vkh_tensor *const *tensors, uint32_t n,
                         bool glu, struct vkh_stack *stack)
{
    for (uint32_t i = 0; i < n && u->status == VKH_OK;) {
        struct vkh_weight_part parts[VKH_MAX_STACK];
        uint32_t n_parts = 0;
        const struct vkh_tensor *first = tensors[i];
        for (; i < n && tensors[i]->type == first->type; i++)
            parts[n_parts++] = (struct vkh_weight_part){tensors[i]->data, tensors[i]->shape[0]};
        upload_part(u, first, parts, n_parts, glu, stack);
    }
}

static void upload_layer(struct loading *u, const struct vkh_layer *from,
                         struct vkh_layer_weights *to)
{
    const struct vkh_tensor *const biases[] = {from->q_bias, from->k_bias, from->v_bias};
    upload_norm(u, from->attn_norm, &to->attn_norm);
    upload_norm(u, from->ffn_norm, &to->ffn_norm);
    upload_norm(u, from->q_norm, &to->q_norm);
    upload_norm(u, from->k_norm, &to->k_norm);
    upload_norm(u, from->post_attn_norm, &to->post_attn_norm);
    upload_norm(u, from->post_ffn_norm, &to->post_ffn_norm);
    upload_vectors(u, biases, VKH_COUNTOF(biases), 0.0f, &to->qkv_bias);
    upload_stack(u, (const struct vkh_tensor *const[]){from->q, from->k, from->v}, 3, false,
                 &to->qkv);
    upload_stack(u, (const struct vkh_tensor *const[]){from->gate, from->up}, 2, true,
                 &to->gate_up);
    upload_stack(u, &from->down, 1, false, &to->down);
    // Attention leaves fp16, whatever the others read.
    const struct vkh_matrix_layout layout = u->layout;
    u->layout.bf16 = false;
    upload_stack(u, &from->o, 1, false, &to->o);
    u->layout = layout;
}

enum vkh_status vkh_weights_init(const struct vkh_model *model,
                                 const struct vkh_matrix_layout *layout, bool streamed,
                                 const struct vkh_log *log, struct vkh_weights *weights)
{
    *weights = (struct vkh_weights){
        .model = model,
        .layout = *layout,
        .streamed = streamed,
        .layers = calloc(model->config.n_layers, sizeof(*weights->layers)),
    };
    if (!weights->layers)
        return vkh_fail(log, VKH_ERR_MEMORY, "weights: out of host memory");
    weights->n_layers = model->config.n_layers;
    return VKH_OK;
}

enum vkh_status vkh_weights_load(struct vkh_weights *weights, struct vkh_device *device,
                                 struct vkh_upload *upload, uint32_t part)
{
    const struct vkh_model *model = weights->model;
    struct loading u = {device, upload, (float)model->config.norm_shift, weights->layout, VKH_OK};
    if (part == 0) {
        u.layout.side = 0;
        upload_stack(&u, &model->embed, 1, false, &weights->embed);
    } else if (part <= weights->n_layers) {
        upload_layer(&u, &model->layers[part - 1], &weights->layers[part - 1]);
    } else {
        if (model->output != model->embed || u.layout.side || weights->streamed)
            upload_stack(&u, &model->output, 1, false, &weights->head);
        upload_norm(&u, model->output_norm, &weights->output_norm);
    }
    return u.status == VKH_OK ? vkh_upload_flush(upload) : u.status;
}

static void destroy_stack(struct vkh_stack *stack)
{
    for (uint32_t i = 0; i < VKH_MAX_STACK; i++) {
        vkh_weight_destroy(&stack->weights[i]);
        vkh_matrix_weight_destroy(&stack->matrices[i]);
    }
    stack->n = 0;
    stack->rows = 0;
}

static void destroy_layer(struct vkh_layer_weights *layer)
{
    vkh_buffer_destroy(&layer->attn_norm);
    vkh_buffer_destroy(&layer->ffn_norm);
    vkh_buffer_destroy(&layer->qkv_bias);
    vkh_buffer_destroy(&layer->q_norm);
    vkh_buffer_destroy(&layer->k_norm);
    vkh_buffer_destroy(&layer->post_attn_norm);
    vkh_buffer_destroy(&layer->post_ffn_norm);
    destroy_stack(&layer->qkv);
    destroy_stack(&layer->o);
    destroy_stack(&layer->gate_up);
    destroy_stack(&layer->down);
}

void vkh_weights_drop(struct vkh_weights *weights, uint32_t part)
{
    if (part == 0) {
        destroy_stack(&weights->embed);
    } else if (part <= weights->n_layers) {
        destroy_layer(&weights->layers[part - 1]);
    } else {
        destroy_stack(&weights->head);
        vkh_buffer_destroy(&weights->output_norm);
    }
}

void vkh_weights_fini(struct vkh_weights *weights)
{
    for (uint32_t i = 0; weights->layers && i < vkh_weights_parts(weights); i++)
        vkh_weights_drop(weights, i);
    free(weights->layers);
    *weights = (struct vkh_weights){0};
}
