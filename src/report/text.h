// SPDX-License-Identifier: MIT
// Pieces of text for the formats, kept in an arena. Each returns NULL when out of memory.
#ifndef VKH_REPORT_TEXT_H
#define VKH_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"

// A copy that is safe to print and to store: a byte that is not part of valid UTF-8, and every
// control character, those of writing direction too, becomes U+FFFD. Names come from files that
// strangers wrote. NULL reads as "".
char *vkh_text_clean(struct vkh_arena *arena, const char *text);

char *vkh_text_printf(struct vkh_arena *arena, const char *fmt, ...) VKH_PRINTF(2, 3);

// A text that grows at its end, however often; `text` is NULL when out of memory, and stays so.
struct vkh_line {
    struct vkh_arena *arena;
    char *text;
    size_t length, room;
};
struct vkh_line vkh_line_start(struct vkh_arena *arena); // ""
void vkh_line_add(struct vkh_line *line, const char *fmt, ...) VKH_PRINTF(2, 3);

// At most `width` columns, 1 or more, of valid UTF-8, the last an ellipsis when something was left
// out.
char *vkh_text_shorten(struct vkh_arena *arena, const char *text, size_t width);

// Columns that valid UTF-8 takes on a terminal.
size_t vkh_text_width(const char *text);

// Four significant digits without an exponent below a million: "2.150", "48.50", "1405".
char *vkh_text_ppl(struct vkh_arena *arena, double ppl);

// "512 B", "1.50 KiB", "11.0 MiB".
char *vkh_text_bytes(struct vkh_arena *arena, uint64_t bytes);

#endif
