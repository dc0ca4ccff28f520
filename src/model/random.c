// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "model/family.h"
#include "model/model.h"
#include "model/shape.h"

// Random bytes repeat after this many blocks of the type; a tensor starts at one of its own.
enum { PERIOD_BLOCKS = 1 << 20 };

struct maker {
    const struct vkh_family *family;
    enum vkh_dtype type;
    const struct vkh_log *log;
    struct vkh_model *model;
    struct vkh_tensor_table table;
};

// What a file of this naming must hold.
static bool is_needed(const struct vkh_slot *slot)
{
    return !slot->optional && slot->names[VKH_NAMING_GGUF];
}

static bool is_head(const struct vkh_slot *slot)
{
    return slot->offset == offsetof(struct vkh_model, output);
}

static enum vkh_status add_tensor(struct maker *maker, const struct vkh_slot *slot,
                                  const char *prefix)
{
    const struct vkh_config *config = &maker->model->config;
    char name[96];
    snprintf(name, sizeof(name), "%s%s", prefix, slot->names[VKH_NAMING_GGUF]);
    const bool vector = slot->shape[1] == VKH_DIM_NONE;
    struct vkh_tensor *tensor = &maker->table.tensors[maker->table.count++];
    *tensor = (struct vkh_tensor){
        .name = vkh_arena_strndup(&maker->model->arena, name, strlen(name)),
        .type = vector ? VKH_F32 : maker->type,
        .n_dims = vector ? 1 : 2,
        .shape = {vkh_family_dim(config, slot->shape[0]), vkh_family_dim(config, slot->shape[1])},
    };
    if (!tensor->name)
        return vkh_fail(maker->log, VKH_ERR_MEMORY, "%s: out of memory", config->name);
    return vkh_tensor_measure(config->name, maker->log, tensor);
}

static enum vkh_status add_tensors(struct maker *maker)
{
    const struct vkh_family *family = maker->family;
    struct vkh_model *model = maker->model;
    const size_t most = family->n_slots + model->config.n_layers * family->n_layer_slots;
    maker->table.tensors = vkh_arena_alloc(&model->arena, most, sizeof(struct vkh_tensor));
    if (!maker->table.tensors)
        return vkh_fail(maker->log, VKH_ERR_MEMORY, "%s: out of memory", model->config.name);
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < family->n_slots && status == VKH_OK; i++)
        if (is_head(&family->slots[i]) ? !model->config.tied : is_needed(&family->slots[i]))
            status = add_tensor(maker, &family->slots[i], "");
    for (uint32_t layer = 0; layer < model->config.n_layers; layer++) {
        char prefix[32];
        snprintf(prefix, sizeof(prefix), "blk.%u.", layer);
        for (size_t i = 0; i < family->n_layer_slots && status == VKH_OK; i++)
            if (is_needed(&family->layer_slots[i]))
                status = add_tensor(maker, &family->layer_slots[i], prefix);
    }
    return status;
}

// One block that every matrix of the table can start in.
static enum vkh_status make_matrices(const struct maker *maker, uint8_t **matrices)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(maker->type);
    const uint64_t period = (uint64_t)PERIOD_BLOCKS * info->block_bytes;
    uint64_t size = period;
    for (uint64_t i = 0; i < maker->table.count; i++)
        if (maker->table.tensors[i].n_dims == 2)
            size = vkh_max_size(size, period + maker->table.tensors[i].size);
    const struct vkh_config *config = &maker->model->config;
    uint8_t *data = vkh_arena_alloc(&maker->model->arena, size, 1);
    if (!data)
        return vkh_fail(maker->log, VKH_ERR_MEMORY, "%s: out of memory", config->name);
    uint64_t state = 1;
    vkh_random_fill(&state, maker->type, data, (uint64_t)PERIOD_BLOCKS * info->block_elements,
                    (float)sqrt(3.0 / config->hidden));
    for (uint64_t done = period; done < size; done += period)
        memcpy(data + done, data, vkh_min_size(period, size - done));
    *matrices = data;
    return VKH_OK;
}

// A norm's weights lie around 1, a bias around 0.
static enum vkh_status fill_vector(const struct maker *maker, uint64_t *state,
                                   struct vkh_tensor *tensor)
{
    float *values = vkh_arena_alloc(&maker->model->arena, tensor->shape[0], sizeof(*values));
    if (!values)
        return vkh_fail(maker->log, VKH_ERR_MEMORY, "%s: out of memory", tensor->name);
    const float middle = strstr(tensor->name, ".bias") ? 0.0f : 1.0f;
    vkh_random_fill(state, VKH_F32, values, tensor->shape[0], 0.1f);
    for (uint64_t i = 0; i < tensor->shape[0]; i++)
        values[i] += middle;
    tensor->data = values;
    return VKH_OK;
}

static enum vkh_status fill_tensors(const struct maker *maker)
{
    const uint32_t block_bytes = vkh_dtype_info(maker->type)->block_bytes;
    uint64_t state = 2;
    uint8_t *matrices = NULL;
    enum vkh_status status = make_matrices(maker, &matrices);
    for (uint64_t i = 0; i < maker->table.count && status == VKH_OK; i++) {
        struct vkh_tensor *tensor = &maker->table.tensors[i];
        if (tensor->n_dims == 1)
            status = fill_vector(maker, &state, tensor);
        else
            tensor->data = matrices + vkh_random(&state) % PERIOD_BLOCKS * block_bytes;
    }
    return status;
}

// A shape's numbers over what its family has beside them.
static struct vkh_config over_defaults(const struct vkh_config *shape,
                                       const struct vkh_config *defaults)
{
    struct vkh_config config = *defaults;
    config.name = shape->name;
    config.architecture = shape->architecture;
    config.norm_eps = shape->norm_eps;
    config.rope_base = shape->rope_base;
    config.tied = shape->tied;
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++)
        *vkh_config_field(&config, i) = *vkh_config_field((struct vkh_config *)shape, i);
    return config;
}

static enum vkh_status make(struct maker *maker)
{
    struct vkh_config *config = &maker->model->config;
    maker->family =
        vkh_family_find(VKH_NAMING_GGUF, config->architecture, strlen(config->architecture));
    if (!maker->family)
        return vkh_fail(maker->log, VKH_ERR_UNSUPPORTED, "%s: the architecture %s is not supported",
                        config->name, config->architecture);
    *config = over_defaults(config, &maker->family->defaults);
    enum vkh_status status =
        vkh_config_complete(config, maker->family, VKH_NAMING_GGUF, "", config->name, maker->log);
    if (status == VKH_OK)
        status = add_tensors(maker);
    if (status == VKH_OK)
        status = fill_tensors(maker);
    if (status == VKH_OK)
        status = vkh_tensor_table_sort_by_name(config->name, maker->log, &maker->table);
    if (status == VKH_OK)
        status = vkh_family_bind(maker->family, VKH_NAMING_GGUF, &maker->table, config->name,
                                 maker->log, maker->model);
    return status;
}

enum vkh_status vkh_model_random(const struct vkh_config *config, enum vkh_dtype type,
                                 const struct vkh_log *log, struct vkh_model **out)
{
    *out = NULL;
    struct vkh_model *model = calloc(1, sizeof(*model));
    if (!model)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", config->name);
    model->config = *config;
    model->path = config->name;
    struct maker maker = {.type = type, .log = log, .model = model};
    const enum vkh_status status = make(&maker);
    if (status != VKH_OK)
        vkh_model_close(&model);
    *out = model;
    return status;
}
