// SPDX-License-Identifier: MIT
// What may be shown of text that strangers wrote.
#ifndef VKH_BASE_PRINTABLE_H
#define VKH_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

// The bytes that the character at `text` takes, of `left`, at least 1. *keep: it is safe to print
// and to store. A byte that is not part of valid UTF-8 is not, nor is any control character, those
// of writing direction included.
size_t vkh_printable(const char *text, size_t left, bool *keep);

#endif
