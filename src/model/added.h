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

// A walk over the tokens in a text. Zero-initialise.
struct vkh_added_match {
    const struct vkh_added *token;
    uint64_t start, end; // with the white space that belongs to it
    uint64_t next;       // behind the token itself: where the search goes on
};

// The next token: the leftmost, the longest of those that begin there; false when there is none.
// White space that a token took may hold a token all the same, which then starts before the end of
// the last match and ends where it ends itself: so do Hugging Face's tokenizers.
bool vkh_added_next(const struct vkh_added_set *set, const char *text, uint64_t bytes,
                    struct vkh_added_match *match);

#endif
