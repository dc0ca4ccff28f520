// SPDX-License-Identifier: MIT
// The readers of a GGUF's vocabulary, by tokenizer.ggml.model, and what they share.
#ifndef VKH_MODEL_TOKENIZER_GGUF_H
#define VKH_MODEL_TOKENIZER_GGUF_H

#include "model/gguf.h"
#include "model/tokenizer.h"

// Numbers of the format.
enum vkh_token_type {
    VKH_TOKEN_NORMAL = 1,
    VKH_TOKEN_UNKNOWN,
    VKH_TOKEN_CONTROL,
    VKH_TOKEN_USER_DEFINED,
    VKH_TOKEN_UNUSED,
    VKH_TOKEN_BYTE,
};

static inline struct vkh_place vkh_gguf_place(const struct vkh_gguf *gguf, const char *key)
{
    return (struct vkh_place){gguf->path, key, gguf->log};
}

// The tokens' texts and types, as many of one as of the other, and an empty vocabulary for them.
enum vkh_status vkh_gguf_tokens(const struct vkh_gguf *gguf, enum vkh_spelling spelling,
                                struct vkh_tokenizer *tokenizer, struct vkh_gguf_array *texts,
                                struct vkh_gguf_array *types);

// Adds a token to a set that has room for it; a text that is not UTF-8 is VKH_ERR_FORMAT.
enum vkh_status vkh_gguf_add_special(const struct vkh_place *place, const struct vkh_vocab *vocab,
                                     int32_t id, struct vkh_added_set *set);

// SentencePiece's vocabulary ("llama"): characters that merge by the score of what they make.
enum vkh_status vkh_tokenizer_from_gguf_spm(const struct vkh_gguf *gguf,
                                            struct vkh_tokenizer *tokenizer);

#endif
