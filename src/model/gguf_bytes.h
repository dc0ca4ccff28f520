// SPDX-License-Identifier: MIT
// Little-endian reads with a bound, for the two halves of the GGUF reader.
#ifndef VKH_MODEL_GGUF_BYTES_H
#define VKH_MODEL_GGUF_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "model/gguf.h"

struct cursor {
    const uint8_t *data;
    uint64_t size, at; // at <= size
};

static inline uint64_t load_le(const uint8_t *bytes, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

// NULL, and no step, when fewer than n bytes are left.
static inline const uint8_t *cursor_take(struct cursor *cursor, uint64_t n)
{
    if (n > cursor->size - cursor->at)
        return NULL;
    const uint8_t *bytes = cursor->data + cursor->at;
    cursor->at += n;
    return bytes;
}

static inline bool cursor_u32(struct cursor *cursor, uint32_t *out)
{
    const uint8_t *bytes = cursor_take(cursor, 4);
    if (bytes)
        *out = (uint32_t)load_le(bytes, 4);
    return bytes != NULL;
}

static inline bool cursor_u64(struct cursor *cursor, uint64_t *out)
{
    const uint8_t *bytes = cursor_take(cursor, 8);
    if (bytes)
        *out = load_le(bytes, 8);
    return bytes != NULL;
}

static inline bool cursor_string(struct cursor *cursor, struct vkh_gguf_string *out)
{
    if (!cursor_u64(cursor, &out->length))
        return false;
    out->text = (const char *)cursor_take(cursor, out->length);
    return out->text != NULL;
}

// Printable ASCII, 1 to max characters: what keys and tensor names are made of.
static inline bool printable(struct vkh_gguf_string string, uint64_t max)
{
    if (string.length == 0 || string.length > max)
        return false;
    for (uint64_t i = 0; i < string.length; i++)
        if (string.text[i] < 0x20 || string.text[i] > 0x7e)
            return false;
    return true;
}

// The order of keys.
static inline int compare_strings(struct vkh_gguf_string a, struct vkh_gguf_string b)
{
    const int order = memcmp(a.text, b.text, vkh_min_size(a.length, b.length));
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

#endif
