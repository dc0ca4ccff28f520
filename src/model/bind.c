// SPDX-License-Identifier: MIT
// Puts a file's tensors into a model's slots.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/family.h"
#include "model/model.h"

static const char *const layer_prefixes[VKH_N_NAMINGS] = {"blk.", "model.layers."};

struct binding {
    const struct vkh_family *family;
    enum vkh_naming naming;
    const struct vkh_tensor_table *table;
    bool *taken; // [table->count]
    const char *path;
    const struct vkh_log *log;
    struct vkh_model *model;
};

uint64_t vkh_family_dim(const struct vkh_config *config, enum vkh_dim dim)
{
    switch (dim) {
    case VKH_DIM_HIDDEN:
        return config->hidden;
    case VKH_DIM_QUERY:
        return (uint64_t)config->n_heads * config->head_dim;
    case VKH_DIM_KV:
        return (uint64_t)config->n_kv_heads * config->head_dim;
    case VKH_DIM_FFN:
        return config->ffn;
    case VKH_DIM_VOCAB:
        return config->vocab;
    case VKH_DIM_PAIRS:
        return config->rotary_dim / 2;
    case VKH_DIM_HEAD:
        return config->head_dim;
    case VKH_DIM_QKV:
        return ((uint64_t)config->n_heads + 2 * (uint64_t)config->n_kv_heads) * config->head_dim;
    case VKH_DIM_GATE_UP:
        return 2 * (uint64_t)config->ffn;
    case VKH_DIM_NONE:
        break;
    }
    return 0;
}

// "[rows][cols]"
static void print_shape(char text[96], uint32_t n_dims, const uint64_t *shape)
{
    int used = 0;
    text[0] = '\0';
    for (uint32_t d = 0; d < n_dims; d++)
        used += snprintf(text + used, 96 - (size_t)used, "[%" PRIu64 "]", shape[d]);
}

static enum vkh_status check_shape(const struct binding *binding, const struct vkh_slot *slot,
                                   const struct vkh_tensor *tensor)
{
    const uint64_t wanted[2] = {vkh_family_dim(&binding->model->config, slot->shape[0]),
                                vkh_family_dim(&binding->model->config, slot->shape[1])};
    const uint32_t n_dims = slot->shape[1] == VKH_DIM_NONE ? 1 : 2;
    if (tensor->n_dims == n_dims && memcmp(tensor->shape, wanted, n_dims * sizeof(*wanted)) == 0)
        return VKH_OK;
    char has[96], needs[96];
    print_shape(has, tensor->n_dims, tensor->shape);
    print_shape(needs, n_dims, wanted);
    return vkh_fail(binding->log, VKH_ERR_FORMAT,
                    "%s: tensor %s has shape %s; the configuration needs %s", binding->path,
                    tensor->name, has, needs);
}

// `prefix` goes before the slot's name; `place` is the model or one of its layers.
// Gives each part of the slot its rows of the tensor.
static enum vkh_status bind_parts(const struct binding *binding, const struct vkh_slot *slot,
                                  const struct vkh_tensor *tensor, void *place)
{
    struct vkh_tensor *parts =
        vkh_arena_alloc(&binding->model->arena, slot->n_parts, sizeof(*parts));
    if (!parts)
        return vkh_fail(binding->log, VKH_ERR_MEMORY, "%s: out of memory", binding->path);
    const uint64_t row_bytes = tensor->size / tensor->shape[0];
    const uint8_t *data = tensor->data;
    for (uint32_t i = 0; i < slot->n_parts; i++) {
        const struct vkh_tensor *part = &parts[i];
        parts[i] = *tensor;
        parts[i].shape[0] = vkh_family_dim(&binding->model->config, slot->parts[i].rows);
        parts[i].size = parts[i].shape[0] * row_bytes;
        parts[i].data = data;
        data += parts[i].size;
        memcpy((char *)place + slot->parts[i].offset, &part, sizeof(part));
    }
    return VKH_OK;
}

static enum vkh_status bind_slot(const struct binding *binding, const struct vkh_slot *slot,
                                 const char *prefix, void *place)
{
    if (!slot->names[binding->naming])
        return VKH_OK;
    char name[128];
    snprintf(name, sizeof(name), "%s%s", prefix, slot->names[binding->naming]);
    const struct vkh_tensor *tensor = vkh_tensor_table_find(binding->table, name);
    if (slot->n_parts == 0)
        memcpy((char *)place + slot->offset, &tensor, sizeof(tensor));
    if (!tensor)
        return slot->optional ? VKH_OK
                              : vkh_fail(binding->log, VKH_ERR_FORMAT, "%s: tensor %s is missing",
                                         binding->path, name);
    binding->taken[tensor - binding->table->tensors] = true;
    const enum vkh_status status = check_shape(binding, slot, tensor);
    return status == VKH_OK && slot->n_parts ? bind_parts(binding, slot, tensor, place) : status;
}

static enum vkh_status bind_layer(const struct binding *binding, uint32_t index)
{
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "%s%" PRIu32 ".", layer_prefixes[binding->naming], index);
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < binding->family->n_layer_slots && status == VKH_OK; i++)
        status = bind_slot(binding, &binding->family->layer_slots[i], prefix,
                           &binding->model->layers[index]);
    return status;
}

static bool is_ignored(const struct vkh_family *family, const char *name)
{
    const size_t length = strlen(name);
    for (const char *const *ending = family->ignored; *ending; ending++) {
        const size_t n = strlen(*ending);
        if (n <= length && strcmp(name + length - n, *ending) == 0)
            return true;
    }
    return false;
}

static enum vkh_status check_all_taken(const struct binding *binding)
{
    for (uint64_t i = 0; i < binding->table->count; i++) {
        const char *name = binding->table->tensors[i].name;
        if (!binding->taken[i] && !is_ignored(binding->family, name))
            return vkh_fail(binding->log, VKH_ERR_UNSUPPORTED,
                            "%s: tensor %s has no place in a %s model of %" PRIu32 " layers",
                            binding->path, name, binding->family->names[binding->naming],
                            binding->model->config.n_layers);
    }
    return VKH_OK;
}

static enum vkh_status finish_output(const struct binding *binding)
{
    struct vkh_model *model = binding->model;
    if (model->config.tied)
        model->output = model->embed;
    if (!model->output)
        return vkh_fail(binding->log, VKH_ERR_FORMAT,
                        "%s: there is no output head, and it is not tied to the embedding",
                        binding->path);
    return VKH_OK;
}

static enum vkh_status finish_rope(const struct binding *binding)
{
    struct vkh_model *model = binding->model;
    const struct vkh_tensor *tensor = model->rope_factors;
    if (!tensor)
        return VKH_OK;
    const uint64_t n = tensor->shape[0];
    float *factors = vkh_arena_alloc(&model->arena, n, sizeof(*factors));
    if (!factors)
        return vkh_fail(binding->log, VKH_ERR_MEMORY, "%s: out of memory", binding->path);
    vkh_dtype_info(tensor->type)->to_float(tensor->data, factors, n);
    for (uint64_t i = 0; i < n; i++)
        if (!(factors[i] > 0 && isfinite(factors[i])))
            return vkh_fail(binding->log, VKH_ERR_FORMAT,
                            "%s: tensor %s: factor %" PRIu64 " is %g, not a positive number",
                            binding->path, tensor->name, i, (double)factors[i]);
    model->config.rope_factors = factors;
    return VKH_OK;
}

// Elements of matrices by type.
struct census {
    uint64_t elements[VKH_N_DTYPES];
};

static void count(struct vkh_model *model, struct census *census, const struct vkh_tensor *tensor)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(tensor->type);
    const uint64_t elements = tensor->size / info->block_bytes * info->block_elements;
    model->parameters += elements;
    model->weight_bytes += tensor->size;
    if (tensor->n_dims > 1)
        census->elements[tensor->type] += elements;
}

// "Q4_K+Q6_K": the types there are, the commonest first.
static void name_types(struct census *census, char *name, size_t room)
{
    size_t used = 0;
    for (;;) {
        int most = 0;
        for (int type = 1; type < VKH_N_DTYPES; type++)
            if (census->elements[type] > census->elements[most])
                most = type;
        if (census->elements[most] == 0)
            return;
        census->elements[most] = 0;
        used += (size_t)snprintf(name + used, room - used, "%s%s", used ? "+" : "",
                                 vkh_dtype_info((enum vkh_dtype)most)->name);
    }
}

// Counts the tensor at `offset` of a layer, if there is one.
static void count_place(struct vkh_model *model, struct census *census,
                        const struct vkh_layer *layer, size_t offset)
{
    const struct vkh_tensor *tensor;
    memcpy(&tensor, (const char *)layer + offset, sizeof(tensor));
    if (tensor)
        count(model, census, tensor);
}

static void count_layer(const struct binding *binding, struct census *census,
                        const struct vkh_layer *layer)
{
    for (size_t s = 0; s < binding->family->n_layer_slots; s++) {
        const struct vkh_slot *slot = &binding->family->layer_slots[s];
        if (slot->n_parts == 0)
            count_place(binding->model, census, layer, slot->offset);
        for (uint32_t i = 0; i < slot->n_parts; i++)
            count_place(binding->model, census, layer, slot->parts[i].offset);
    }
}

static void count_all(const struct binding *binding)
{
    struct vkh_model *model = binding->model;
    struct census census = {0};
    count(model, &census, model->embed);
    count(model, &census, model->output_norm);
    if (model->output != model->embed)
        count(model, &census, model->output);
    for (uint32_t i = 0; i < model->config.n_layers; i++)
        count_layer(binding, &census, &model->layers[i]);
    name_types(&census, model->weight_type, sizeof(model->weight_type));
}

enum vkh_status vkh_family_bind(const struct vkh_family *family, enum vkh_naming naming,
                                const struct vkh_tensor_table *table, const char *path,
                                const struct vkh_log *log, struct vkh_model *model)
{
    const uint32_t n_layers = model->config.n_layers;
    if (n_layers > table->count)
        return vkh_fail(log, VKH_ERR_FORMAT,
                        "%s: %" PRIu64 " tensors cannot make %" PRIu32 " layers", path,
                        table->count, n_layers);
    model->layers = vkh_arena_alloc(&model->arena, n_layers, sizeof(*model->layers));
    bool *taken = vkh_arena_alloc(&model->arena, table->count, sizeof(*taken));
    if (!model->layers || !taken)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    const struct binding binding = {family, naming, table, taken, path, log, model};
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < family->n_slots && status == VKH_OK; i++)
        status = bind_slot(&binding, &family->slots[i], "", model);
    for (uint32_t i = 0; i < n_layers && status == VKH_OK; i++)
        status = bind_layer(&binding, i);
    if (status == VKH_OK)
        status = check_all_taken(&binding);
    if (status == VKH_OK)
        status = finish_output(&binding);
    if (status == VKH_OK)
        status = finish_rope(&binding);
    if (status == VKH_OK)
        count_all(&binding);
    return status;
}
