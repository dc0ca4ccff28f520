// SPDX-License-Identifier: MIT
// One safetensors file, as published in huggingface/safetensors' README.
#include "model/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"

enum { LENGTH_BYTES = 8, MAX_NAME = 255 };
static const uint64_t MAX_HEADER = 100000000;

// What every function below needs to name a failure.
struct reader {
    const struct vkh_file *file;
    const char *path;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    uint64_t data_at; // offset of the tensors' bytes
};

static enum vkh_status malformed(const struct reader *r, const char *tensor, const char *what)
{
    return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: tensor %s: %s", r->path, tensor, what);
}

static enum vkh_status read_type(const struct reader *r, const json_t *entry,
                                 struct vkh_tensor *tensor)
{
    static const struct {
        const char *name;
        enum vkh_dtype type;
    } types[] = {{"F32", VKH_F32}, {"F16", VKH_F16}, {"BF16", VKH_BF16}};
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return malformed(r, tensor->name, "dtype is not a string");
    for (size_t i = 0; i < VKH_COUNTOF(types); i++) {
        if (strcmp(types[i].name, name) == 0) {
            tensor->type = types[i].type;
            return VKH_OK;
        }
    }
    return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: tensor %s: dtype %.16s is not supported",
                    r->path, tensor->name, name);
}

static enum vkh_status read_shape(const struct reader *r, const json_t *entry,
                                  struct vkh_tensor *tensor)
{
    const json_t *shape = json_object_get(entry, "shape");
    const size_t n = json_array_size(shape); // 0 when it is no array
    if (n < 1 || n > VKH_MAX_DIMS)
        return malformed(r, tensor->name, "shape is not a list of 1 to 4 numbers");
    tensor->n_dims = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) <= 0)
            return malformed(r, tensor->name, "a dimension is not a positive integer");
        tensor->shape[i] = (uint64_t)json_integer_value(dim);
    }
    return vkh_tensor_measure(r->path, r->log, tensor);
}

static enum vkh_status read_place(const struct reader *r, const json_t *entry,
                                  struct vkh_tensor *tensor)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second) ||
        json_integer_value(first) < 0 || json_integer_value(second) < json_integer_value(first))
        return malformed(r, tensor->name, "data_offsets are not two ascending integers");
    const uint64_t begin = (uint64_t)json_integer_value(first);
    const uint64_t end = (uint64_t)json_integer_value(second);
    if (end - begin != tensor->size)
        return vkh_fail(r->log, VKH_ERR_FORMAT,
                        "%s: tensor %s: data_offsets span %" PRIu64
                        " bytes, the shape takes %" PRIu64,
                        r->path, tensor->name, end - begin, tensor->size);
    if (end > r->file->size - r->data_at)
        return malformed(r, tensor->name, "the data runs past the end of the file");
    tensor->data = r->file->data + r->data_at + begin;
    return VKH_OK;
}

static enum vkh_status read_tensor(const struct reader *r, const char *name, const json_t *entry,
                                   struct vkh_tensor *tensor)
{
    const size_t length = strlen(name);
    if (length == 0 || length > MAX_NAME)
        return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: a tensor's name has %zu bytes, not 1 to %d",
                        r->path, length, MAX_NAME);
    tensor->name = vkh_arena_strndup(r->arena, name, length);
    if (!tensor->name)
        return vkh_fail(r->log, VKH_ERR_MEMORY, "%s: out of memory", r->path);
    enum vkh_status status = read_type(r, entry, tensor);
    if (status == VKH_OK)
        status = read_shape(r, entry, tensor);
    return status == VKH_OK ? read_place(r, entry, tensor) : status;
}

static enum vkh_status read_tensors(const struct reader *r, json_t *header,
                                    struct vkh_tensor_table *table)
{
    table->tensors =
        vkh_arena_alloc(r->arena, json_object_size(header) + 1, sizeof(*table->tensors));
    if (!table->tensors)
        return vkh_fail(r->log, VKH_ERR_MEMORY, "%s: out of memory", r->path);
    enum vkh_status status = VKH_OK;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        status = read_tensor(r, name, entry, &table->tensors[table->count++]);
        if (status != VKH_OK)
            return status;
    }
    status = vkh_tensor_table_sort_by_data(r->path, r->log, table);
    return status == VKH_OK ? vkh_tensor_table_sort_by_name(r->path, r->log, table) : status;
}

enum vkh_status vkh_safetensors_parse(const struct vkh_file *file, const char *path,
                                      const struct vkh_log *log, struct vkh_arena *arena,
                                      struct vkh_tensor_table *table)
{
    *table = (struct vkh_tensor_table){0};
    if (file->size < LENGTH_BYTES)
        return vkh_fail(log, VKH_ERR_FORMAT, "%s: too short for a safetensors file", path);
    uint64_t length = 0;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)file->data[i] << 8 * i;
    if (length > MAX_HEADER || length > file->size - LENGTH_BYTES)
        return vkh_fail(log, VKH_ERR_FORMAT,
                        "%s: a header of %" PRIu64 " bytes is longer than the file or the format "
                        "allows",
                        path, length);
    json_error_t error;
    json_t *header =
        json_loadb((const char *)file->data + LENGTH_BYTES, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(header)) {
        json_decref(header);
        return vkh_fail(log, VKH_ERR_FORMAT, "%s: the header is not a JSON object", path);
    }
    const struct reader reader = {file, path, log, arena, LENGTH_BYTES + length};
    const enum vkh_status status = read_tensors(&reader, header, table);
    json_decref(header);
    return status;
}
