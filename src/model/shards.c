// SPDX-License-Identifier: MIT
// A model's folder: its one safetensors file, or the shards of its index.
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "model/safetensors.h"

enum { MAX_SHARDS = 4096 };

struct shards {
    const char *folder;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    const char **names; // of the files, in the folder
    struct vkh_file *files;
    struct vkh_tensor_table *tables;
    uint32_t n;
};

static char *join(struct vkh_arena *arena, const char *folder, const char *name)
{
    const size_t length = strlen(folder) + 1 + strlen(name);
    char *path = vkh_arena_alloc(arena, length + 1, 1);
    if (path)
        snprintf(path, length + 1, "%s/%s", folder, name);
    return path;
}

static enum vkh_status out_of_memory(const struct shards *shards)
{
    return vkh_fail(shards->log, VKH_ERR_MEMORY, "%s: out of memory", shards->folder);
}

static enum vkh_status allocate(struct shards *shards, uint64_t n)
{
    shards->names = vkh_arena_alloc(shards->arena, n, sizeof(*shards->names));
    shards->files = vkh_arena_alloc(shards->arena, n, sizeof(*shards->files));
    shards->tables = vkh_arena_alloc(shards->arena, n, sizeof(*shards->tables));
    if (shards->names && shards->files && shards->tables)
        return VKH_OK;
    return out_of_memory(shards);
}

static bool is_named(const struct shards *shards, const char *name)
{
    for (uint32_t i = 0; i < shards->n; i++) {
        if (strcmp(shards->names[i], name) == 0)
            return true;
    }
    return false;
}

// The distinct files of the index. Only files of the folder itself are opened.
static enum vkh_status list_names(struct shards *shards, const char *path, json_t *map)
{
    enum vkh_status status = allocate(shards, MAX_SHARDS);
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (status != VKH_OK || (name && is_named(shards, name)))
            continue;
        if (!name || !*name || strchr(name, '/') || strcmp(name, "..") == 0)
            return vkh_fail(shards->log, VKH_ERR_FORMAT,
                            "%s: weight_map.%s is not the name of a file beside it", path, tensor);
        if (shards->n == MAX_SHARDS)
            return vkh_fail(shards->log, VKH_ERR_UNSUPPORTED, "%s: more than %d files", path,
                            MAX_SHARDS);
        shards->names[shards->n] = vkh_arena_strndup(shards->arena, name, strlen(name));
        if (!shards->names[shards->n++])
            status = out_of_memory(shards);
    }
    return status;
}

static enum vkh_status open_all(struct shards *shards)
{
    for (uint32_t i = 0; i < shards->n; i++) {
        const char *path = join(shards->arena, shards->folder, shards->names[i]);
        if (!path)
            return out_of_memory(shards);
        enum vkh_status status = vkh_file_open(path, shards->log, &shards->files[i]);
        if (status == VKH_OK)
            status = vkh_safetensors_parse(&shards->files[i], path, shards->log, shards->arena,
                                           &shards->tables[i]);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

static enum vkh_status merge(const struct shards *shards, struct vkh_tensor_table *table)
{
    *table = (struct vkh_tensor_table){0};
    uint64_t count = 0;
    for (uint32_t i = 0; i < shards->n; i++)
        count += shards->tables[i].count;
    table->tensors = vkh_arena_alloc(shards->arena, count + 1, sizeof(*table->tensors));
    if (!table->tensors)
        return out_of_memory(shards);
    for (uint32_t i = 0; i < shards->n; i++) {
        const struct vkh_tensor_table *from = &shards->tables[i];
        memcpy(table->tensors + table->count, from->tensors, from->count * sizeof(*from->tensors));
        table->count += from->count;
    }
    return vkh_tensor_table_sort_by_name(shards->folder, shards->log, table);
}

// Each tensor of the index lies in the file that the index names.
static enum vkh_status check_map(const struct shards *shards, const char *path, json_t *map)
{
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value)
    {
        for (uint32_t i = 0; i < shards->n; i++) {
            if (strcmp(shards->names[i], json_string_value(value)) == 0 &&
                !vkh_tensor_table_find(&shards->tables[i], tensor))
                return vkh_fail(shards->log, VKH_ERR_FORMAT, "%s: weight_map.%s: %s lacks it", path,
                                tensor, shards->names[i]);
        }
    }
    return VKH_OK;
}

static enum vkh_status open_index(struct shards *shards, const char *path,
                                  struct vkh_tensor_table *table)
{
    struct vkh_file file;
    enum vkh_status status = vkh_file_open(path, shards->log, &file);
    if (status != VKH_OK)
        return status;
    json_error_t error;
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    json_t *map = json_object_get(root, "weight_map");
    if (!root)
        status =
            vkh_fail(shards->log, VKH_ERR_FORMAT, "%s: line %d: %s", path, error.line, error.text);
    else if (json_object_size(map) == 0)
        status = vkh_fail(shards->log, VKH_ERR_FORMAT, "%s: weight_map names no tensors", path);
    if (status == VKH_OK)
        status = list_names(shards, path, map);
    if (status == VKH_OK)
        status = open_all(shards);
    if (status == VKH_OK)
        status = check_map(shards, path, map);
    if (status == VKH_OK)
        status = merge(shards, table);
    json_decref(root);
    vkh_file_close(&file);
    return status;
}

static enum vkh_status open_single(struct shards *shards, struct vkh_tensor_table *table)
{
    enum vkh_status status = allocate(shards, 1);
    if (status != VKH_OK)
        return status;
    shards->names[shards->n++] = "model.safetensors";
    status = open_all(shards);
    if (status == VKH_OK)
        *table = shards->tables[0];
    return status;
}

enum vkh_status vkh_safetensors_open(const char *folder, const struct vkh_log *log,
                                     struct vkh_arena *arena, struct vkh_file **files,
                                     uint32_t *n_files, struct vkh_tensor_table *table)
{
    struct shards shards = {.folder = folder, .log = log, .arena = arena};
    const char *index = join(arena, folder, "model.safetensors.index.json");
    enum vkh_status status = VKH_OK;
    if (!index)
        status = out_of_memory(&shards);
    else if (access(index, F_OK) == 0)
        status = open_index(&shards, index, table);
    else
        status = open_single(&shards, table);
    *files = shards.files;
    *n_files = shards.files ? shards.n : 0;
    return status;
}
