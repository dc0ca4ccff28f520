// SPDX-License-Identifier: MIT
// What a tokenizer is made of, and the readers that make one. The public contract is
// vkhrope/tokenizer.h.
#ifndef VKH_MODEL_TOKENIZER_H
#define VKH_MODEL_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/tokenizer.h>

#include "base/arena.h"
#include "model/added.h"
#include "model/bpe.h"
#include "model/normalize.h"
#include "model/split.h"
#include "model/vocab.h"

// A text passes: `raw` tokens are found; what is between them is normalised; `normalized` tokens
// are found; what is between them is split into words; each word is merged.
struct vkh_tokenizer {
    struct vkh_arena arena; // everything below lives here, but for the split's expressions
    struct vkh_log log;
    struct vkh_added_set raw, normalized;
    struct vkh_normalizer normalizer;
    bool byte_level; // words are bytes, and the split is whole: its last stage was added
    struct vkh_split split;
    bool ignore_merges; // a word that is a token is that token, whatever its merges
    struct vkh_vocab vocab;
    struct vkh_bpe bpe;
    int32_t *prefix; // what comes first: BOS
    uint32_t n_prefix;
};

// Fill a zeroed tokenizer whose log is set; the caller closes it in any case. `path` is a file.
enum vkh_status vkh_tokenizer_from_gguf(const char *path, struct vkh_tokenizer *tokenizer);
enum vkh_status vkh_tokenizer_from_json(const char *path, struct vkh_tokenizer *tokenizer);

// Puts an id in front of those that come first.
enum vkh_status vkh_tokenizer_prepend(const struct vkh_place *place,
                                      struct vkh_tokenizer *tokenizer, int64_t id);

#endif
