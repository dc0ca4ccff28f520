// SPDX-License-Identifier: MIT
// GGUF's tensor table.
#include <inttypes.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/gguf.h"
#include "model/gguf_bytes.h"

enum { MAX_TENSORS = 1 << 18, MAX_NAME = 127 };

// The format's number of an element type, its name, and whether it can be computed with.
struct element_type {
    uint32_t id;
    const char *name;
    bool known;
    enum vkh_dtype type;
};

static const struct element_type element_types[] = {
    {0, "F32", true, VKH_F32},
    {1, "F16", true, VKH_F16},
    {2, "Q4_0", true, VKH_Q4_0},
    {3, "Q4_1", true, VKH_Q4_1},
    {6, "Q5_0", true, VKH_Q5_0},
    {7, "Q5_1", true, VKH_Q5_1},
    {8, "Q8_0", true, VKH_Q8_0},
    {10, "Q2_K", true, VKH_Q2_K},
    {11, "Q3_K", true, VKH_Q3_K},
    {12, "Q4_K", true, VKH_Q4_K},
    {13, "Q5_K", true, VKH_Q5_K},
    {14, "Q6_K", true, VKH_Q6_K},
    {20, "IQ4_NL", true, VKH_IQ4_NL},
    {23, "IQ4_XS", true, VKH_IQ4_XS},
    {30, "BF16", true, VKH_BF16},
    {9, "Q8_1"},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {24, "I8"},
    {25, "I16"},
    {26, "I32"},
    {27, "I64"},
    {28, "F64"},
    {29, "IQ1_M"},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {39, "MXFP4"},
};

static enum vkh_status truncated(const struct vkh_gguf *gguf, uint64_t index)
{
    return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                    "%s: ends inside the description of tensor %" PRIu64 " of %" PRIu64, gguf->path,
                    index, gguf->n_tensors);
}

static enum vkh_status find_type(const struct vkh_gguf *gguf, uint32_t id,
                                 struct vkh_tensor *tensor)
{
    for (size_t i = 0; i < VKH_COUNTOF(element_types); i++) {
        if (element_types[i].id != id)
            continue;
        if (!element_types[i].known)
            return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                            "%s: tensor %s: element type %s is not supported", gguf->path,
                            tensor->name, element_types[i].name);
        tensor->type = element_types[i].type;
        return VKH_OK;
    }
    return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED, "%s: tensor %s: unknown element type %" PRIu32,
                    gguf->path, tensor->name, id);
}

// Name, shape and type; *offset is from the start of the data.
static enum vkh_status read_tensor(const struct vkh_gguf *gguf, struct cursor *cursor,
                                   uint64_t index, struct vkh_arena *arena,
                                   struct vkh_tensor *tensor, uint64_t *offset)
{
    struct vkh_gguf_string name;
    if (!cursor_string(cursor, &name) || !cursor_u32(cursor, &tensor->n_dims))
        return truncated(gguf, index);
    if (!printable(name, MAX_NAME))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: the name of tensor %" PRIu64 " of %" PRIu64
                        " is not 1 to %d printable ASCII characters",
                        gguf->path, index, gguf->n_tensors, MAX_NAME);
    tensor->name = vkh_arena_strndup(arena, name.text, name.length);
    if (!tensor->name)
        return vkh_fail(gguf->log, VKH_ERR_MEMORY, "%s: out of memory", gguf->path);
    if (tensor->n_dims < 1 || tensor->n_dims > VKH_MAX_DIMS)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: tensor %s: %" PRIu32 " dimensions; 1 to %d are supported", gguf->path,
                        tensor->name, tensor->n_dims, VKH_MAX_DIMS);
    for (uint32_t d = tensor->n_dims; d-- > 0;) // the file has the innermost first
        if (!cursor_u64(cursor, &tensor->shape[d]))
            return truncated(gguf, index);
    uint32_t type;
    if (!cursor_u32(cursor, &type) || !cursor_u64(cursor, offset))
        return truncated(gguf, index);
    const enum vkh_status status = find_type(gguf, type, tensor);
    return status == VKH_OK ? vkh_tensor_measure(gguf->path, gguf->log, tensor) : status;
}

static enum vkh_status place_tensor(const struct vkh_gguf *gguf, uint64_t data_at, uint64_t offset,
                                    struct vkh_tensor *tensor)
{
    if (offset % gguf->alignment != 0)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: tensor %s: offset %" PRIu64 " is not a multiple of %" PRIu64,
                        gguf->path, tensor->name, offset, gguf->alignment);
    const uint64_t left = data_at <= gguf->size ? gguf->size - data_at : 0;
    if (offset > left || tensor->size > left - offset)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: tensor %s: %" PRIu64 " bytes at offset %" PRIu64
                        " run past the end of the file",
                        gguf->path, tensor->name, tensor->size, offset);
    tensor->data = gguf->data + data_at + offset;
    return VKH_OK;
}

enum vkh_status vkh_gguf_tensors(const struct vkh_gguf *gguf, struct vkh_arena *arena,
                                 struct vkh_tensor_table *table)
{
    // A description takes at least 33 bytes, so a small file cannot ask for much memory.
    if (gguf->n_tensors > MAX_TENSORS || gguf->n_tensors > gguf->size / 33)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: %" PRIu64 " tensors are more than the file can hold or than %d",
                        gguf->path, gguf->n_tensors, MAX_TENSORS);
    table->count = gguf->n_tensors;
    table->tensors = vkh_arena_alloc(arena, table->count + 1, sizeof(*table->tensors));
    uint64_t *offsets = vkh_arena_alloc(arena, table->count + 1, sizeof(*offsets));
    if (!table->tensors || !offsets)
        return vkh_fail(gguf->log, VKH_ERR_MEMORY, "%s: out of memory", gguf->path);
    struct cursor cursor = {gguf->data, gguf->size, gguf->tensors_at};
    enum vkh_status status = VKH_OK;
    for (uint64_t i = 0; i < table->count && status == VKH_OK; i++)
        status = read_tensor(gguf, &cursor, i, arena, &table->tensors[i], &offsets[i]);
    const uint64_t data_at = vkh_round_up(cursor.at, gguf->alignment);
    for (uint64_t i = 0; i < table->count && status == VKH_OK; i++)
        status = place_tensor(gguf, data_at, offsets[i], &table->tensors[i]);
    if (status == VKH_OK)
        status = vkh_tensor_table_sort_by_data(gguf->path, gguf->log, table);
    if (status == VKH_OK)
        status = vkh_tensor_table_sort_by_name(gguf->path, gguf->log, table);
    return status;
}
