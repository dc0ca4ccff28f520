// SPDX-License-Identifier: MIT
// Text to token ids, by the vocabulary in a model's files.
#ifndef VKHROPE_TOKENIZER_H
#define VKHROPE_TOKENIZER_H

#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

// BPE over bytes, or over characters as in SentencePiece. Read-only once open, so threads may share
// it.
struct vkh_tokenizer;

// `path` is a GGUF file (its vocabulary: tensors are not needed, and any file of a split model will
// do), a tokenizer.json, or a directory that holds one.
//   VKH_ERR_IO           the file is missing or unreadable
//   VKH_ERR_FORMAT       malformed, truncated, or contradicting itself
//   VKH_ERR_UNSUPPORTED  a tokenizer, or a part of one that changes the ids, unknown here
// The log line names the file and the field. `log` is copied and may be NULL. On failure
// *tokenizer is NULL.
VKH_API enum vkh_status vkh_tokenizer_open(const char *path, const struct vkh_log *log,
                                           struct vkh_tokenizer **tokenizer);
VKH_API void vkh_tokenizer_close(struct vkh_tokenizer **tokenizer);

// The ids of `bytes` bytes of UTF-8, NUL allowed, as Hugging Face's tokenizers gives them: special
// tokens spelled out in the text become their ids, and BOS comes first when the model's own
// tokenizer says so. A byte the vocabulary has no token for is left out, and a warning says so.
//   VKH_ERR_FORMAT       not UTF-8; the log line names the byte's offset
//   VKH_ERR_UNSUPPORTED  the tokenizer's own regular expression gave up; the line says where
// *ids is the caller's, to be given to vkh_ids_free; on failure it is NULL and *n_ids is 0.
VKH_API enum vkh_status vkh_tokenizer_encode(const struct vkh_tokenizer *tokenizer,
                                             const char *text, uint64_t bytes, int32_t **ids,
                                             uint64_t *n_ids);
VKH_API void vkh_ids_free(int32_t **ids);

// Ids are 0 up to this.
VKH_API uint32_t vkh_tokenizer_vocab(const struct vkh_tokenizer *tokenizer);

// The bytes that a token stands for, not terminated; a special token's are its text. They live as
// long as the tokenizer. NULL and 0 for an id outside the vocabulary.
VKH_API const char *vkh_tokenizer_bytes(const struct vkh_tokenizer *tokenizer, int32_t id,
                                        uint64_t *n_bytes);

#ifdef __cplusplus
}
#endif
#endif
