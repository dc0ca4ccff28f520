// SPDX-License-Identifier: MIT
#include "report/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// Bytes of the UTF-8 sequence at `s`; 0 when it is malformed, overlong, a surrogate or beyond
// U+10FFFF (RFC 3629). The terminator ends any sequence.
static size_t sequence_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    const size_t length = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
                          : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                          : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                        : 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

static bool is_control(const unsigned char *s)
{
    return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *vkh_text_clean(struct vkh_arena *arena, const char *text)
{
    const unsigned char *in = (const unsigned char *)(text ? text : "");
    char *clean = vkh_arena_alloc(arena, strlen((const char *)in) + 1, 3);
    if (!clean)
        return NULL;
    char *out = clean;
    while (*in) {
        const size_t length = sequence_length(in);
        const bool keep = length > 0 && !is_control(in);
        const size_t bytes = keep ? length : 3;
        memcpy(out, keep ? (const char *)in : "\xef\xbf\xbd", bytes);
        out += bytes;
        in += length > 0 ? length : 1;
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

size_t vkh_text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

char *vkh_text_shorten(struct vkh_arena *arena, const char *text, size_t width)
{
    const size_t length = strlen(text);
    if (vkh_text_width(text) <= width)
        return vkh_arena_strndup(arena, text, length);
    size_t end = 0;
    for (size_t seen = 0; end < length; end++)
        if (((unsigned char)text[end] & 0xc0) != 0x80 && ++seen == width)
            break;
    return vkh_text_printf(arena, "%.*s…", (int)end, text);
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
