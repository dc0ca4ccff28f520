// SPDX-License-Identifier: MIT
#include "model/normalize.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/vocab.h"

struct text {
    const char *bytes;
    uint64_t length;
};

enum vkh_status vkh_normalizer_add(const struct vkh_place *place, struct vkh_normal_step step,
                                   struct vkh_normalizer *normalizer)
{
    if (normalizer->n_steps == VKH_NORMALIZE_MAX)
        return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: more than %d steps", place->path,
                        place->field, VKH_NORMALIZE_MAX);
    normalizer->steps[normalizer->n_steps++] = step;
    return VKH_OK;
}

static bool is_ascii(const struct text *text)
{
    uint8_t all = 0;
    for (uint64_t i = 0; i < text->length; i++)
        all |= (uint8_t)text->bytes[i];
    return all < 0x80;
}

static bool compose(struct vkh_arena *arena, struct text *text)
{
    if (is_ascii(text))
        return true;
    size_t length = 0;
    uint8_t *composed =
        u8_normalize(UNINORM_NFC, (const uint8_t *)text->bytes, text->length, NULL, &length);
    char *copy = composed ? vkh_arena_strndup(arena, (const char *)composed, length) : NULL;
    free(composed);
    *text = (struct text){copy, length};
    return copy != NULL;
}

static bool prepend(struct vkh_arena *arena, const char *prefix, struct text *text)
{
    const size_t n = strlen(prefix);
    if (text->length == 0 || n == 0)
        return true;
    char *copy = vkh_arena_alloc(arena, text->length + n, 1);
    if (!copy)
        return false;
    memcpy(copy, prefix, n);
    memcpy(copy + n, text->bytes, text->length);
    *text = (struct text){copy, text->length + n};
    return true;
}

// The next `from` at or behind `at`, or the end.
static const char *next(const struct text *text, const char *at, const char *from)
{
    const char *end = text->bytes + text->length;
    const char *found = at == end ? NULL : memmem(at, (size_t)(end - at), from, strlen(from));
    return found ? found : end;
}

static bool replace(struct vkh_arena *arena, const char *from, const char *to, struct text *text)
{
    const char *end = text->bytes + text->length;
    const size_t n_from = strlen(from), n_to = strlen(to);
    uint64_t count = 0, grown;
    for (const char *at = next(text, text->bytes, from); at < end; count++)
        at = next(text, at + n_from, from);
    if (count == 0)
        return true;
    if (!vkh_mul_size(count, n_to, &grown) || !vkh_add_size(grown, text->length, &grown))
        return false;
    const uint64_t length = grown - count * n_from;
    char *copy = vkh_arena_alloc(arena, length + 1, 1), *out = copy;
    if (!copy)
        return false;
    for (const char *at = text->bytes; at < end;) {
        const char *found = next(text, at, from);
        memcpy(out, at, (size_t)(found - at));
        out += found - at;
        at = found;
        if (found < end) {
            memcpy(out, to, n_to);
            out += n_to;
            at += n_from;
        }
    }
    *text = (struct text){copy, length};
    return true;
}

static bool collapse(struct vkh_arena *arena, struct text *text)
{
    char *copy = vkh_arena_alloc(arena, text->length + 1, 1);
    uint64_t length = 0;
    if (!copy)
        return false;
    for (uint64_t i = 0; i < text->length; i++)
        if (text->bytes[i] != ' ' || (length > 0 && copy[length - 1] != ' '))
            copy[length++] = text->bytes[i];
    *text = (struct text){copy, length};
    return true;
}

static void strip(const char *mark, struct text *text)
{
    const size_t n = strlen(mark);
    while (text->length >= n && memcmp(text->bytes + text->length - n, mark, n) == 0)
        text->length -= n;
}

enum vkh_status vkh_normalize(const struct vkh_normalizer *normalizer, struct vkh_arena *arena,
                              const char **bytes, uint64_t *length)
{
    struct text text = {*bytes, *length};
    bool good = true;
    for (uint32_t i = 0; i < normalizer->n_steps && good; i++) {
        const struct vkh_normal_step *step = &normalizer->steps[i];
        switch (step->kind) {
        case VKH_NORMAL_NFC:
            good = compose(arena, &text);
            break;
        case VKH_NORMAL_PREPEND:
            good = prepend(arena, step->to, &text);
            break;
        case VKH_NORMAL_REPLACE:
            good = replace(arena, step->from, step->to, &text);
            break;
        case VKH_NORMAL_COLLAPSE:
            good = collapse(arena, &text);
            break;
        case VKH_NORMAL_STRIP:
            strip(step->from, &text);
            break;
        }
    }
    *bytes = text.bytes;
    *length = text.length;
    return good ? VKH_OK : VKH_ERR_MEMORY;
}
