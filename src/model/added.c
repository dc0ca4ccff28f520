// SPDX-License-Identifier: MIT
#include "model/added.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "base/log.h"
#include "base/size.h"

static int compare(const void *a, const void *b)
{
    const struct vkh_added *x = a, *y = b;
    const int order = memcmp(x->text, y->text, vkh_min_size(x->length, y->length));
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

enum vkh_status vkh_added_index(const struct vkh_place *place, struct vkh_added_set *set)
{
    if (set->count > 0)
        qsort(set->tokens, set->count, sizeof(*set->tokens), compare);
    uint32_t at = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        set->first[byte] = at;
        while (at < set->count && (uint8_t)set->tokens[at].text[0] == byte)
            at++;
    }
    set->first[256] = at;
    for (uint32_t i = 1; i < set->count; i++)
        if (compare(&set->tokens[i - 1], &set->tokens[i]) == 0)
            return vkh_fail(place->log, VKH_ERR_FORMAT,
                            "%s: %s: tokens %" PRId32 " and %" PRId32 " have the same text",
                            place->path, place->field, set->tokens[i - 1].id, set->tokens[i].id);
    return VKH_OK;
}

// The first of tokens[low..high), which agree up to `depth`, whose byte there is at least `byte`.
static uint32_t bound(const struct vkh_added *tokens, uint32_t low, uint32_t high, uint32_t depth,
                      unsigned byte)
{
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((uint8_t)tokens[middle].text[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct vkh_added *longest(const struct vkh_added_set *set, const char *text,
                                       uint64_t bytes)
{
    const struct vkh_added *best = NULL;
    uint32_t low = set->first[(uint8_t)text[0]], high = set->first[(uint8_t)text[0] + 1];
    for (uint32_t depth = 1; low < high; depth++) {
        if (set->tokens[low].length == depth)
            best = &set->tokens[low++];
        if (depth == bytes)
            break;
        const unsigned byte = (uint8_t)text[depth];
        low = bound(set->tokens, low, high, depth, byte);
        high = bound(set->tokens, low, high, depth, byte + 1);
    }
    return best;
}

static uint64_t strip_before(const char *text, uint64_t from, uint64_t start)
{
    ucs4_t code;
    const uint8_t *low = (const uint8_t *)text + from, *at = (const uint8_t *)text + start,
                  *previous;
    while (at > low && (previous = u8_prev(&code, at, low)) && uc_is_property_white_space(code))
        at = previous;
    return (uint64_t)(at - (const uint8_t *)text);
}

static uint64_t strip_behind(const char *text, uint64_t end, uint64_t bytes)
{
    ucs4_t code;
    while (end < bytes) {
        const int step = u8_mbtouc(&code, (const uint8_t *)text + end, bytes - end);
        if (!uc_is_property_white_space(code))
            break;
        end += (uint64_t)step;
    }
    return end;
}

bool vkh_added_next(const struct vkh_added_set *set, const char *text, uint64_t bytes,
                    struct vkh_added_match *match)
{
    if (set->count == 0)
        return false;
    const uint64_t covered = match->end;
    for (uint64_t at = match->next; at < bytes; at++) {
        const uint8_t byte = (uint8_t)text[at];
        if (set->first[byte] == set->first[byte + 1])
            continue;
        const struct vkh_added *token = longest(set, text + at, bytes - at);
        if (!token)
            continue;
        const uint64_t next = at + token->length;
        *match = (struct vkh_added_match){token, at, next, next};
        if (token->lstrip && at > covered)
            match->start = strip_before(text, covered, at);
        if (token->rstrip)
            match->end = strip_behind(text, next, bytes);
        return true;
    }
    return false;
}
