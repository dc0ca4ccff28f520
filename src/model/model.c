// SPDX-License-Identifier: MIT
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/size.h"
#include "model/family.h"
#include "model/gguf.h"
#include "model/gguf_parts.h"
#include "model/safetensors.h"

// The kernels read rows four elements at a time.
enum { COLS_MULTIPLE = 4 };

static enum vkh_status out_of_memory(const char *path, const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
}

static enum vkh_status check_widths(const struct vkh_model *model, const char *path,
                                    const struct vkh_log *log)
{
    const struct vkh_config *c = &model->config;
    const struct {
        const char *name;
        uint32_t value;
    } widths[] = {{"hidden size", c->hidden},
                  {"head size", c->head_dim},
                  {"rotated part of a head", c->rotary_dim},
                  {"feed-forward size", c->ffn}};
    for (size_t i = 0; i < VKH_COUNTOF(widths); i++) {
        if (widths[i].value % COLS_MULTIPLE)
            return vkh_fail(log, VKH_ERR_UNSUPPORTED,
                            "%s: a %s of %u; multiples of %d are supported", path, widths[i].name,
                            widths[i].value, COLS_MULTIPLE);
    }
    return VKH_OK;
}

static enum vkh_status finish(struct vkh_model *model, const struct vkh_family *family,
                              enum vkh_naming naming, const struct vkh_tensor_table *table,
                              const char *path, const struct vkh_log *log)
{
    const enum vkh_status status = vkh_family_bind(family, naming, table, path, log, model);
    return status == VKH_OK ? check_widths(model, path, log) : status;
}

// general.name if it is a line of text, else the file's own name.
static const char *name_of(const struct vkh_gguf *gguf, struct vkh_model *model)
{
    struct vkh_gguf_string name = {NULL, 0};
    const struct vkh_log silent = {0};
    struct vkh_gguf quiet = *gguf;
    quiet.log = &silent;
    if (vkh_gguf_string(&quiet, "general.name", &name) != VKH_OK || name.length == 0 ||
        name.length > 200 || memchr(name.text, 0, name.length)) {
        const char *slash = strrchr(gguf->path, '/');
        name.text = slash ? slash + 1 : gguf->path;
        name.length = strlen(name.text);
    }
    return vkh_arena_strndup(&model->arena, name.text, name.length);
}

// Config and tensors from the parts, whose mappings become the model's.
static enum vkh_status read_parts(struct vkh_gguf *parts, uint32_t n_parts, const char *path,
                                  const struct vkh_log *log, struct vkh_model *model)
{
    struct vkh_tensor_table table = {0};
    const struct vkh_family *family = NULL;
    model->files = vkh_arena_alloc(&model->arena, n_parts, sizeof(*model->files));
    enum vkh_status status = model->files
                                 ? vkh_gguf_all_tensors(parts, n_parts, &model->arena, &table)
                                 : out_of_memory(path, log);
    if (status == VKH_OK)
        status = vkh_config_from_gguf(&parts[0], &table, &model->arena, &model->config, &family);
    if (status == VKH_OK && !(model->config.name = name_of(&parts[0], model)))
        status = out_of_memory(path, log);
    if (status != VKH_OK)
        return status;
    for (uint32_t i = 0; i < n_parts; i++)
        model->files[model->n_files++] = vkh_gguf_take_file(&parts[i]);
    model->config.tied = vkh_tensor_table_find(&table, "output.weight") == NULL;
    return finish(model, family, VKH_NAMING_GGUF, &table, path, log);
}

static enum vkh_status open_gguf(const char *path, const struct vkh_log *log,
                                 struct vkh_model *model)
{
    struct vkh_gguf *parts = NULL;
    uint32_t n_parts;
    enum vkh_status status = vkh_gguf_open_parts(path, log, &model->arena, &parts, &n_parts);
    if (status == VKH_OK)
        status = read_parts(parts, n_parts, path, log, model);
    for (uint32_t i = 0; i < n_parts; i++)
        vkh_gguf_close(&parts[i]);
    return status;
}

// The folder's own name.
static const char *folder_name(const char *path, struct vkh_arena *arena)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    return vkh_arena_strndup(arena, path + begin, end - begin);
}

static enum vkh_status open_folder(const char *path, const struct vkh_log *log,
                                   struct vkh_model *model)
{
    const size_t length = strlen(path) + sizeof("/config.json");
    char *config = vkh_arena_alloc(&model->arena, length, 1);
    if (!config)
        return out_of_memory(path, log);
    snprintf(config, length, "%s/config.json", path);
    const struct vkh_family *family = NULL;
    struct vkh_tensor_table table = {0};
    enum vkh_status status =
        vkh_config_from_json(config, log, &model->arena, &model->config, &family);
    if (status == VKH_OK)
        status = vkh_file_open(config, log, &model->config_file);
    if (status == VKH_OK && !(model->config.name = folder_name(path, &model->arena)))
        status = out_of_memory(path, log);
    if (status == VKH_OK)
        status =
            vkh_safetensors_open(path, log, &model->arena, &model->files, &model->n_files, &table);
    return status == VKH_OK ? finish(model, family, VKH_NAMING_HF, &table, path, log) : status;
}

enum vkh_status vkh_model_open(const char *path, const struct vkh_log *log, struct vkh_model **out)
{
    *out = NULL;
    struct vkh_model *model = calloc(1, sizeof(*model));
    if (!model)
        return out_of_memory(path, log);
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    enum vkh_status status =
        is_folder ? open_folder(path, log, model) : open_gguf(path, log, model);
    if (status == VKH_OK && !(model->path = vkh_arena_strndup(&model->arena, path, strlen(path))))
        status = out_of_memory(path, log);
    if (status != VKH_OK)
        vkh_model_close(&model);
    *out = model;
    return status;
}

void vkh_model_close(struct vkh_model **pointer)
{
    struct vkh_model *model = pointer ? *pointer : NULL;
    if (!model)
        return;
    for (uint32_t i = 0; i < model->n_files; i++)
        vkh_file_close(&model->files[i]);
    vkh_file_close(&model->config_file);
    vkh_arena_fini(&model->arena);
    free(model);
    *pointer = NULL;
}
