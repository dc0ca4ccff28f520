// SPDX-License-Identifier: MIT
#include "report/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#include "base/printable.h"

char *vkh_text_clean(struct vkh_arena *arena, const char *text)
{
    const char *in = text ? text : "";
    size_t left = strlen(in);
    char *clean = vkh_arena_alloc(arena, left + 1, 3);
    if (!clean)
        return NULL;
    char *out = clean;
    while (left > 0) {
        bool keep;
        const size_t taken = vkh_printable(in, left, &keep), given = keep ? taken : 3;
        memcpy(out, keep ? in : "\xef\xbf\xbd", given);
        out += given;
        in += taken;
        left -= taken;
    }
    return clean;
}

char *vkh_text_printf(struct vkh_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, fmt, args);
    char *text = length < 0 ? NULL : vkh_arena_alloc(arena, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

struct vkh_line vkh_line_start(struct vkh_arena *arena)
{
    enum { ROOM = 64 };
    return (struct vkh_line){.arena = arena, .text = vkh_arena_alloc(arena, ROOM, 1), .room = ROOM};
}

void vkh_line_add(struct vkh_line *line, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, fmt, args);
    const size_t needed = line->length + (size_t)length + 1;
    if (length < 0)
        line->text = NULL;
    if (line->text && needed > line->room) {
        char *longer = vkh_arena_alloc(line->arena, needed, 2);
        if (longer)
            memcpy(longer, line->text, line->length);
        line->text = longer;
        line->room = 2 * needed;
    }
    if (line->text)
        line->length +=
            (size_t)vsnprintf(line->text + line->length, needed - line->length, fmt, again);
    va_end(again);
    va_end(args);
}

size_t vkh_text_width(const char *text)
{
    return (size_t)u8_strwidth((const uint8_t *)text, "UTF-8");
}

char *vkh_text_shorten(struct vkh_arena *arena, const char *text, size_t width)
{
    const uint8_t *start = (const uint8_t *)text, *end = start, *next;
    if (vkh_text_width(text) <= width)
        return vkh_arena_strndup(arena, text, strlen(text));
    ucs4_t point;
    for (size_t left = width - 1; (next = u8_next(&point, end)); end = next) {
        const int columns = uc_width(point, "UTF-8");
        if (columns > 0 && (size_t)columns > left)
            break;
        left -= columns > 0 ? (size_t)columns : 0;
    }
    return vkh_text_printf(arena, "%.*s…", (int)(end - start), text);
}

char *vkh_text_ppl(struct vkh_arena *arena, double ppl)
{
    if (ppl >= 1e6)
        return vkh_text_printf(arena, "%.3e", ppl);
    const int decimals = ppl < 9.9995 ? 3 : ppl < 99.995 ? 2 : ppl < 999.95 ? 1 : 0;
    return vkh_text_printf(arena, "%.*f", decimals, ppl);
}

char *vkh_text_bytes(struct vkh_arena *arena, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return vkh_text_printf(arena, "%u B", (unsigned)bytes);
    double value = (double)bytes / 1024;
    size_t unit = 0;
    for (; value >= 1024; unit++)
        value /= 1024;
    return vkh_text_printf(arena, "%.*f %s",
                           value < 10    ? 2
                           : value < 100 ? 1
                                         : 0,
                           value, units[unit]);
}
