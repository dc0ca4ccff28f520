// SPDX-License-Identifier: MIT
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum vkh_status read_stream(const struct tool *tool, const char *path, FILE *file,
                                   char **data, uint64_t *bytes)
{
    size_t size = 0, room = 0;
    for (size_t got = 1; got > 0; size += got) {
        if (size == room) {
            room = room ? room * 2 : 1 << 16;
            char *larger = realloc(*data, room);
            if (!larger) {
                tool_message(tool, "%s: out of memory", path);
                return VKH_ERR_MEMORY;
            }
            *data = larger;
        }
        got = fread(*data + size, 1, room - size, file);
    }
    if (ferror(file)) {
        tool_message(tool, "%s: cannot read: %s", path, strerror(errno));
        return VKH_ERR_IO;
    }
    *bytes = size;
    return VKH_OK;
}

enum vkh_status input_read(const struct tool *tool, const char *path, char **data, uint64_t *bytes)
{
    *data = NULL;
    *bytes = 0;
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (!file) {
        tool_message(tool, "%s: cannot open: %s", path, strerror(errno));
        return VKH_ERR_IO;
    }
    const enum vkh_status status = read_stream(tool, path, file, data, bytes);
    if (status != VKH_OK) {
        free(*data);
        *data = NULL;
    }
    if (!is_stdin)
        fclose(file);
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum vkh_status refuse(const struct tool *tool, const char *path, const char *data,
                              const char *at, const char *end)
{
    uint64_t line = 1, column = 1;
    for (const char *c = data; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    enum { MOST_SHOWN = 32 };
    const int shown = end - at > MOST_SHOWN ? MOST_SHOWN : (int)(end - at);
    tool_message(tool, "%s:%llu:%llu: \"%.*s\" is not a token id", path, (unsigned long long)line,
                 (unsigned long long)column, shown, at);
    return VKH_ERR_FORMAT;
}

static enum vkh_status parse_ids(const struct tool *tool, const char *path, const char *data,
                                 uint64_t bytes, int32_t *ids, uint64_t *n_ids)
{
    const char *const end = data + bytes;
    for (const char *at = data; at < end;) {
        if (is_space(*at)) {
            at++;
            continue;
        }
        const char *stop = at;
        while (stop < end && !is_space(*stop))
            stop++;
        uint64_t id;
        if (!tool_parse_number(at, stop, INT32_MAX, &id))
            return refuse(tool, path, data, at, stop);
        ids[(*n_ids)++] = (int32_t)id;
        at = stop;
    }
    return VKH_OK;
}

enum vkh_status input_read_ids(const struct tool *tool, const char *path, int32_t **ids,
                               uint64_t *n_ids)
{
    *ids = NULL;
    *n_ids = 0;
    char *data;
    uint64_t bytes;
    enum vkh_status status = input_read(tool, path, &data, &bytes);
    if (status != VKH_OK)
        return status;
    // an id takes at least one byte and a space
    *ids = malloc((bytes / 2 + 1) * sizeof(**ids));
    if (*ids) {
        status = parse_ids(tool, path, data, bytes, *ids, n_ids);
    } else {
        tool_message(tool, "%s: out of memory", path);
        status = VKH_ERR_MEMORY;
    }
    free(data);
    if (status != VKH_OK) {
        free(*ids);
        *ids = NULL;
        *n_ids = 0;
    }
    return status;
}
