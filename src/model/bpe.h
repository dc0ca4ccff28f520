// SPDX-License-Identifier: MIT
// Byte-pair encoding of one word: which neighbours merge, in which order.
#ifndef VKH_MODEL_BPE_H
#define VKH_MODEL_BPE_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "model/joins.h"
#include "model/vocab.h"

// Ids that grow by realloc; the owner frees `data`. Zero-initialise.
struct vkh_ids {
    int32_t *data;
    uint64_t count, capacity;
};

// Room for `more` ids beyond count; VKH_ERR_MEMORY without a message.
enum vkh_status vkh_ids_reserve(struct vkh_ids *ids, uint64_t more);

struct vkh_merge {
    uint64_t pair; // left << 32 | right
    uint32_t rank;
    int32_t result;
};

// A word begins as symbols, bytes or characters, of which the neighbours that merge first merge
// first. Which do is told by pairs of tokens, each with a rank; or, as in SentencePiece, by the
// token that both make together: the higher its score, the sooner.
struct vkh_bpe {
    const struct vkh_vocab *vocab;
    bool characters;          // symbols are characters; else bytes
    struct vkh_merge *merges; // open addressing; a free one has result -1
    uint64_t mask;
    uint32_t n_merges;
    uint32_t *ranks; // [vocab->count], by the token that a merge makes; NULL: merges has them
    // The tokens of bytes: of symbols, or where no token has a character; -1: none.
    int32_t byte_ids[256];
    int32_t unknown;        // takes the place of a symbol without token; -1: it is left out
    bool fuse_unknown;      // one for a run of them
    struct vkh_joins joins; // of characters
};

// For up to `n_merges` merges over a vocabulary that is complete, in bytes if its spelling is
// GPT-2's, else in characters.
enum vkh_status vkh_bpe_init(const struct vkh_place *place, struct vkh_arena *arena,
                             const struct vkh_vocab *vocab, uint64_t n_merges, struct vkh_bpe *bpe);

// The next merge in order of rank, in the vocabulary's spelling. A token that the vocabulary lacks,
// the left, the right or both as one, and a pair that repeats, are VKH_ERR_FORMAT.
enum vkh_status vkh_bpe_add(const struct vkh_place *place, const struct vkh_vocab *vocab,
                            struct vkh_bpe *bpe, const char *left, uint64_t left_length,
                            const char *right, uint64_t right_length);

// Merges by scores [vocab->count] instead, which are numbers.
enum vkh_status vkh_bpe_rank(const struct vkh_place *place, struct vkh_arena *arena,
                             const float *scores, struct vkh_bpe *bpe);

// The bytes of the shortest beginning of a text, of characters, that its rest cannot merge with.
uint64_t vkh_bpe_cut(const struct vkh_bpe *bpe, const char *text, uint64_t bytes);

// Working memory for words. Zero-initialise.
struct vkh_bpe_scratch {
    struct bpe_symbol *symbols;
    struct bpe_candidate *heap;
    uint64_t capacity; // symbols
};

void vkh_bpe_scratch_fini(struct vkh_bpe_scratch *scratch);

// Appends the ids of a word of at most INT32_MAX bytes in n log n steps; *n_missing grows by the
// bytes left out. VKH_ERR_MEMORY without a message.
enum vkh_status vkh_bpe_encode(const struct vkh_bpe *bpe, struct vkh_bpe_scratch *scratch,
                               const char *word, uint64_t bytes, struct vkh_ids *ids,
                               uint64_t *n_missing);

#endif
