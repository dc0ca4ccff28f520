// SPDX-License-Identifier: MIT
#include "report/reference.h"

#include <stdlib.h>
#include <string.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "report/format.h"
#include "report/text.h"

enum { MOST_ROWS = 1 << 16 };

// The number before the next comma, a whole one from 1 on when `whole`; *at moves past the comma.
static bool take_number(const char **at, const char *end, bool whole, double *number)
{
    const char *comma = memchr(*at, ',', (size_t)(end - *at));
    if (!comma || !vkh_number_parse(*at, (size_t)(comma - *at), number) || !(*number > 0))
        return false;
    *at = comma + 1;
    return !whole || (*number <= UINT32_MAX && *number == (double)(uint32_t)*number);
}

static bool parse_row(const char *at, const char *end, struct vkh_arena *arena,
                      struct vkh_reference_row *row)
{
    double length, tokens;
    if (!take_number(&at, end, true, &length) || !take_number(&at, end, true, &tokens) ||
        !take_number(&at, end, false, &row->ppl) || at == end)
        return false;
    row->length = (uint32_t)length;
    row->tokens = (uint32_t)tokens;
    const char *method = vkh_arena_strndup(arena, at, (size_t)(end - at));
    row->method = method ? vkh_text_clean(arena, method) : NULL;
    return row->method;
}

static enum vkh_status parse(const struct vkh_file *file, const char *path,
                             const struct vkh_log *log, struct vkh_arena *arena,
                             struct vkh_reference *reference)
{
    const char *at = (const char *)file->data, *end = at + file->size;
    for (uint32_t line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > at && stop[-1] == '\r')
            stop--;
        if (*at == '#' && line == 1) {
            const char *title = vkh_arena_strndup(arena, at + 1, (size_t)(stop - at - 1));
            reference->title = title ? vkh_text_clean(arena, title + strspn(title, " ")) : NULL;
            if (!reference->title)
                return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
        } else if (*at != '#' && stop > at) {
            if (reference->n_rows == MOST_ROWS ||
                !parse_row(at, stop, arena, &reference->rows[reference->n_rows]))
                return vkh_fail(log, VKH_ERR_FORMAT, "%s:%u: not length,tokens,ppl,method", path,
                                line);
            reference->n_rows++;
        }
        at = next;
    }
    return VKH_OK;
}

enum vkh_status vkh_reference_read(const char *path, const struct vkh_log *log,
                                   struct vkh_arena *arena, struct vkh_reference *reference)
{
    struct vkh_file file;
    *reference = (struct vkh_reference){.title = ""};
    enum vkh_status status = vkh_file_open(path, log, &file);
    if (status != VKH_OK)
        return status;
    reference->rows = vkh_arena_alloc(arena, MOST_ROWS, sizeof(*reference->rows));
    status = reference->rows ? parse(&file, path, log, arena, reference)
                             : vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    vkh_file_close(&file);
    return status;
}

enum vkh_status vkh_report_reference_check(const char *path, const struct vkh_log *log)
{
    struct vkh_arena arena = {0};
    struct vkh_reference reference;
    struct vkh_c_locale locale;
    enum vkh_status status = vkh_c_locale_enter(&locale, log);
    if (status != VKH_OK)
        return status;
    status = vkh_reference_read(path, log, &arena, &reference);
    vkh_arena_fini(&arena);
    vkh_c_locale_leave(&locale);
    return status;
}

const struct vkh_reference_row *vkh_reference_find(const struct vkh_reference *reference,
                                                   const char *method, uint32_t length)
{
    for (uint32_t i = 0; i < reference->n_rows; i++)
        if (reference->rows[i].length == length && strcmp(reference->rows[i].method, method) == 0)
            return &reference->rows[i];
    return NULL;
}
