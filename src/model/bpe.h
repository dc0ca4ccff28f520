// SPDX-License-Identifier: MIT
// Byte-pair encoding of one word: which neighbours merge, in which order.
#ifndef VKH_MODEL_BPE_H
#define VKH_MODEL_BPE_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

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

struct vkh_bpe {
    struct vkh_merge *merges; // open addressing; a free one has result -1
    uint64_t mask;
    uint32_t n_merges;
    int32_t byte_ids[256]; // -1: the vocabulary has no token for it
    int32_t unknown;       // takes the place of such a byte; -1: such a byte is left out
    bool fuse_unknown;     // one for a run of such bytes
};

// For up to `n_merges` merges over a vocabulary that is complete.
enum vkh_status vkh_bpe_init(const struct vkh_place *place, struct vkh_arena *arena,
                             const struct vkh_vocab *vocab, uint64_t n_merges, struct vkh_bpe *bpe);

// The next merge in order of rank, in the vocabulary's spelling. A token that the vocabulary lacks,
// the left, the right or both as one, and a pair that repeats, are VKH_ERR_FORMAT.
enum vkh_status vkh_bpe_add(const struct vkh_place *place, const struct vkh_vocab *vocab,
                            struct vkh_bpe *bpe, const char *left, uint64_t left_length,
                            const char *right, uint64_t right_length);

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
