// SPDX-License-Identifier: MIT
// The container and its metadata, as published in ggml's docs/gguf.md.
#include "model/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "model/gguf_bytes.h"

enum {
    MAX_PAIRS = 1 << 16,
    MAX_KEY = 65535,
    MAX_NESTING = 4,
    DEFAULT_ALIGNMENT = 32,
    MAX_ALIGNMENT = 1 << 20,
};

// 0: the type is unknown or its size varies.
static unsigned scalar_bytes(uint32_t type)
{
    static const uint8_t bytes[] = {
        [VKH_GGUF_U8] = 1,  [VKH_GGUF_I8] = 1,  [VKH_GGUF_U16] = 2, [VKH_GGUF_I16] = 2,
        [VKH_GGUF_U32] = 4, [VKH_GGUF_I32] = 4, [VKH_GGUF_F32] = 4, [VKH_GGUF_BOOL] = 1,
        [VKH_GGUF_U64] = 8, [VKH_GGUF_I64] = 8, [VKH_GGUF_F64] = 8,
    };
    return type < VKH_COUNTOF(bytes) ? bytes[type] : 0;
}

static bool skip_value(struct cursor *cursor, uint32_t type, unsigned nesting);

static bool skip_array(struct cursor *cursor, unsigned nesting)
{
    uint32_t element;
    uint64_t count, bytes;
    if (nesting == MAX_NESTING || !cursor_u32(cursor, &element) || !cursor_u64(cursor, &count))
        return false;
    const unsigned width = scalar_bytes(element);
    if (width != 0)
        return vkh_mul_size(count, width, &bytes) && cursor_take(cursor, bytes);
    // Strings and arrays: each takes bytes of its own, so the file bounds the loop.
    for (uint64_t i = 0; i < count; i++)
        if (!skip_value(cursor, element, nesting + 1))
            return false;
    return element == VKH_GGUF_STRING || element == VKH_GGUF_ARRAY;
}

static bool skip_value(struct cursor *cursor, uint32_t type, unsigned nesting)
{
    struct vkh_gguf_string string;
    if (type == VKH_GGUF_STRING)
        return cursor_string(cursor, &string);
    if (type == VKH_GGUF_ARRAY)
        return skip_array(cursor, nesting);
    const unsigned width = scalar_bytes(type);
    return width != 0 && cursor_take(cursor, width);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct vkh_gguf_pair *x = a, *y = b;
    return compare_strings(x->key, y->key);
}

static enum vkh_status read_header(struct vkh_gguf *gguf, struct cursor *cursor)
{
    const uint8_t *magic = cursor_take(cursor, 4);
    if (!magic || memcmp(magic, "GGUF", 4) != 0)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: not a GGUF file", gguf->path);
    uint32_t version;
    if (!cursor_u32(cursor, &version))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: ends inside the header", gguf->path);
    if (version != 0 && (version & 0xffff) == 0)
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED, "%s: a big-endian GGUF file", gguf->path);
    if (version != 2 && version != 3)
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: GGUF version %" PRIu32 "; versions 2 and 3 are supported", gguf->path,
                        version);
    if (!cursor_u64(cursor, &gguf->n_tensors) || !cursor_u64(cursor, &gguf->n_pairs))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: ends inside the header", gguf->path);
    return VKH_OK;
}

static enum vkh_status read_pair(const struct vkh_gguf *gguf, struct cursor *cursor, uint64_t index,
                                 struct vkh_gguf_pair *pair)
{
    if (!cursor_string(cursor, &pair->key))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: ends inside the key of metadata pair %" PRIu64 " of %" PRIu64,
                        gguf->path, index, gguf->n_pairs);
    if (!printable(pair->key, MAX_KEY))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: the key of metadata pair %" PRIu64 " of %" PRIu64
                        " is not 1 to 65535 printable ASCII characters",
                        gguf->path, index, gguf->n_pairs);
    uint32_t type = 0;
    const bool whole = cursor_u32(cursor, &type);
    if (whole && type > VKH_GGUF_F64)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %.*s: unknown value type %" PRIu32,
                        gguf->path, (int)pair->key.length, pair->key.text, type);
    pair->type = type;
    pair->value = cursor->data + cursor->at;
    if (!whole || !skip_value(cursor, type, 0))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: %.*s: the value runs past the end of the file, holds an unknown type "
                        "or nests too deeply",
                        gguf->path, (int)pair->key.length, pair->key.text);
    return VKH_OK;
}

static enum vkh_status read_pairs(struct vkh_gguf *gguf, struct cursor *cursor)
{
    if (gguf->n_pairs > MAX_PAIRS)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: %" PRIu64 " metadata pairs; at most %d are supported", gguf->path,
                        gguf->n_pairs, MAX_PAIRS);
    gguf->pairs = calloc(gguf->n_pairs + 1, sizeof(*gguf->pairs));
    if (!gguf->pairs)
        return vkh_fail(gguf->log, VKH_ERR_MEMORY, "%s: out of memory", gguf->path);
    for (uint64_t i = 0; i < gguf->n_pairs; i++) {
        const enum vkh_status status = read_pair(gguf, cursor, i, &gguf->pairs[i]);
        if (status != VKH_OK)
            return status;
    }
    qsort(gguf->pairs, gguf->n_pairs, sizeof(*gguf->pairs), compare_pairs);
    for (uint64_t i = 1; i < gguf->n_pairs; i++)
        if (compare_pairs(&gguf->pairs[i - 1], &gguf->pairs[i]) == 0)
            return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %.*s: the key appears twice",
                            gguf->path, (int)gguf->pairs[i].key.length, gguf->pairs[i].key.text);
    return VKH_OK;
}

static enum vkh_status read_alignment(struct vkh_gguf *gguf)
{
    uint32_t alignment = DEFAULT_ALIGNMENT;
    const enum vkh_status status = vkh_gguf_u32(gguf, "general.alignment", &alignment);
    if (status != VKH_OK)
        return status;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > MAX_ALIGNMENT)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: general.alignment: %" PRIu32 " is not a power of two up to %d",
                        gguf->path, alignment, MAX_ALIGNMENT);
    gguf->alignment = alignment;
    return VKH_OK;
}

enum vkh_status vkh_gguf_parse(const uint8_t *data, uint64_t size, const char *path,
                               const struct vkh_log *log, struct vkh_gguf *gguf)
{
    *gguf = (struct vkh_gguf){.path = path, .log = log, .data = data, .size = size};
    struct cursor cursor = {data, size, 0};
    enum vkh_status status = read_header(gguf, &cursor);
    if (status == VKH_OK)
        status = read_pairs(gguf, &cursor);
    if (status == VKH_OK)
        status = read_alignment(gguf);
    gguf->tensors_at = cursor.at;
    if (status != VKH_OK)
        vkh_gguf_close(gguf);
    return status;
}

enum vkh_status vkh_gguf_open(const char *path, const struct vkh_log *log, struct vkh_gguf *gguf)
{
    *gguf = (struct vkh_gguf){0};
    struct vkh_file file;
    enum vkh_status status = vkh_file_open(path, log, &file);
    if (status != VKH_OK)
        return status;
    status = vkh_gguf_parse(file.data, file.size, path, log, gguf);
    if (status != VKH_OK)
        vkh_file_close(&file);
    else
        gguf->file = file;
    return status;
}

struct vkh_file vkh_gguf_take_file(struct vkh_gguf *gguf)
{
    const struct vkh_file file = gguf->file;
    gguf->file = (struct vkh_file){0};
    vkh_gguf_close(gguf);
    return file;
}

void vkh_gguf_close(struct vkh_gguf *gguf)
{
    free(gguf->pairs);
    vkh_file_close(&gguf->file);
    *gguf = (struct vkh_gguf){0};
}
