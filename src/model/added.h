// SPDX-License-Identifier: MIT
// Tokens that are found in the text before it is cut into words.
#ifndef VKH_MODEL_ADDED_H
#define VKH_MODEL_ADDED_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "model/vocab.h"

struct vkh_added {
    const char *text;
    uint32_t length;
    int32_t id;
    bool lstrip, rstrip; // white space before or behind belongs to it
};

// Zero-initialise; the tokens are the caller's.
struct vkh_added_set {
    struct vkh_added *tokens; // sorted by text
    uint32_t count;
    uint32_t first[257]; // those that begin with byte b are first[b] up to first[b + 1]
};

// Sorts and indexes; two tokens of one text are VKH_ERR_FORMAT.
enum vkh_status vkh_added_index(const struct vkh_place *place, struct vkh_added_set *set);

// The leftmost token in text[*start..bytes), the longest of those that begin there, with *start
// where it does and *end behind it, white space included but none before the original *start. NULL
// when there is none.
const struct vkh_added *vkh_added_find(const struct vkh_added_set *set, const char *text,
                                       uint64_t bytes, uint64_t *start, uint64_t *end);

#endif
