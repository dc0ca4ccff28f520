// SPDX-License-Identifier: MIT
#include "model/gguf_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"

enum { MAX_PARTS = 1 << 12, ENDING_ROOM = 48 };

struct part {
    uint32_t number, count;
};

static enum vkh_status out_of_memory(const struct vkh_gguf *gguf)
{
    return vkh_fail(gguf->log, VKH_ERR_MEMORY, "%s: out of memory", gguf->path);
}

static enum vkh_status read_part(const struct vkh_gguf *gguf, struct part *part)
{
    *part = (struct part){0, 1};
    enum vkh_status status = vkh_gguf_u32(gguf, "split.count", &part->count);
    if (status == VKH_OK)
        status = vkh_gguf_u32(gguf, "split.no", &part->number);
    if (status == VKH_OK && part->count == 0)
        part->count = 1;
    if (status == VKH_OK && (part->number >= part->count || part->count > MAX_PARTS))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: split.no %" PRIu32 " of split.count %" PRIu32
                        "; up to %d files are supported",
                        gguf->path, part->number, part->count, MAX_PARTS);
    return status;
}

static void print_ending(struct part part, char ending[ENDING_ROOM])
{
    snprintf(ending, ENDING_ROOM, "-%05" PRIu32 "-of-%05" PRIu32 ".gguf", part.number + 1,
             part.count);
}

// The name of another part; NULL when out of memory. Endings of one model have one length.
static char *sibling(const struct vkh_gguf *gguf, struct part part, struct vkh_arena *arena)
{
    char ending[ENDING_ROOM];
    print_ending(part, ending);
    char *path = vkh_arena_strndup(arena, gguf->path, strlen(gguf->path));
    if (path)
        memcpy(path + strlen(path) - strlen(ending), ending, strlen(ending));
    return path;
}

static enum vkh_status check_name(const struct vkh_gguf *gguf, struct part part)
{
    char ending[ENDING_ROOM];
    if (part.count == 1)
        return VKH_OK;
    print_ending(part, ending);
    const size_t length = strlen(gguf->path), n = strlen(ending);
    if (length < n || strcmp(gguf->path + length - n, ending) != 0)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: split.count: file %" PRIu32 " of %" PRIu32
                        " of a model; its name must end in %s, with the others beside it",
                        gguf->path, part.number + 1, part.count, ending);
    return VKH_OK;
}

static enum vkh_status open_part(const struct vkh_gguf *any, struct part wanted,
                                 struct vkh_arena *arena, struct vkh_gguf *gguf)
{
    struct part part;
    *gguf = (struct vkh_gguf){0};
    const char *path = sibling(any, wanted, arena);
    if (!path)
        return out_of_memory(any);
    enum vkh_status status = vkh_gguf_open(path, any->log, gguf);
    if (status == VKH_OK)
        status = read_part(gguf, &part);
    if (status == VKH_OK && (part.number != wanted.number || part.count != wanted.count))
        status = vkh_fail(any->log, VKH_ERR_FORMAT,
                          "%s: split.no %" PRIu32 " of %" PRIu32 ", but its name says otherwise",
                          path, part.number, part.count);
    return status;
}

enum vkh_status vkh_gguf_open_first(const char *path, const struct vkh_log *log,
                                    struct vkh_arena *arena, struct vkh_gguf *gguf)
{
    struct part part;
    enum vkh_status status = vkh_gguf_open(path, log, gguf);
    if (status != VKH_OK)
        return status;
    status = read_part(gguf, &part);
    if (status == VKH_OK)
        status = check_name(gguf, part);
    if (status == VKH_OK && part.number > 0) {
        struct vkh_gguf named = *gguf;
        status = open_part(&named, (struct part){0, part.count}, arena, gguf);
        vkh_gguf_close(&named);
    }
    if (status != VKH_OK)
        vkh_gguf_close(gguf);
    return status;
}

enum vkh_status vkh_gguf_open_parts(const char *path, const struct vkh_log *log,
                                    struct vkh_arena *arena, struct vkh_gguf **parts,
                                    uint32_t *n_parts)
{
    struct vkh_gguf first;
    struct part part;
    *n_parts = 0;
    enum vkh_status status = vkh_gguf_open_first(path, log, arena, &first);
    if (status != VKH_OK)
        return status;
    status = read_part(&first, &part);
    *parts = vkh_arena_alloc(arena, part.count, sizeof(**parts));
    if (!*parts) {
        vkh_gguf_close(&first);
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    }
    (*parts)[(*n_parts)++] = first;
    for (uint32_t i = 1; i < part.count && status == VKH_OK; i++)
        status = open_part(&first, (struct part){i, part.count}, arena, &(*parts)[(*n_parts)++]);
    return status;
}

static enum vkh_status check_total(const struct vkh_gguf *first, uint64_t count)
{
    uint32_t total = (uint32_t)count;
    const enum vkh_status status = vkh_gguf_u32(first, "split.tensors.count", &total);
    if (status == VKH_OK && total != count)
        return vkh_fail(first->log, VKH_ERR_FORMAT,
                        "%s: split.tensors.count: %" PRIu32 ", but the files hold %" PRIu64,
                        first->path, total, count);
    return status;
}

enum vkh_status vkh_gguf_all_tensors(const struct vkh_gguf *parts, uint32_t n_parts,
                                     struct vkh_arena *arena, struct vkh_tensor_table *table)
{
    if (n_parts == 1)
        return vkh_gguf_tensors(&parts[0], arena, table);
    struct vkh_tensor_table *tables = vkh_arena_alloc(arena, n_parts, sizeof(*tables));
    if (!tables)
        return out_of_memory(&parts[0]);
    uint64_t count = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        const enum vkh_status status = vkh_gguf_tensors(&parts[i], arena, &tables[i]);
        if (status != VKH_OK)
            return status;
        count += tables[i].count;
    }
    *table =
        (struct vkh_tensor_table){vkh_arena_alloc(arena, count + 1, sizeof(*table->tensors)), 0};
    if (!table->tensors)
        return out_of_memory(&parts[0]);
    for (uint32_t i = 0; i < n_parts; i++) {
        memcpy(table->tensors + table->count, tables[i].tensors,
               tables[i].count * sizeof(*tables[i].tensors));
        table->count += tables[i].count;
    }
    const enum vkh_status status = check_total(&parts[0], count);
    return status == VKH_OK ? vkh_tensor_table_sort_by_name(parts[0].path, parts[0].log, table)
                            : status;
}
