// SPDX-License-Identifier: MIT
// Text to ids. All state is the call's own, so that threads may share a tokenizer.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/log.h"
#include "base/size.h"
#include "model/hash.h"
#include "model/tokenizer.h"

enum { MAX_SEEN = 1 << 16 };

// A word that was merged, and where its ids stand in the output. The last of those that share a
// slot stays.
struct seen {
    const char *word;
    uint32_t bytes, n_ids;
    uint64_t at;
};

struct encoder {
    const struct vkh_tokenizer *tokenizer;
    struct vkh_arena arena; // texts that differ from the user's
    struct vkh_splitter splitter;
    struct vkh_bpe_scratch scratch;
    struct vkh_ids ids;
    struct seen *seen;
    uint64_t seen_mask;
    uint64_t n_missing;
    char *spelled; // a word in the vocabulary's spelling
};

static enum vkh_status out_of_memory(const struct vkh_tokenizer *tokenizer)
{
    return vkh_fail(&tokenizer->log, VKH_ERR_MEMORY, "the text: out of memory");
}

// The token that the word is, or -1.
static int32_t find_word(const struct encoder *e, const char *word, uint64_t bytes)
{
    const struct vkh_vocab *vocab = &e->tokenizer->vocab;
    if (bytes > vocab->longest)
        return -1;
    if (e->tokenizer->bpe.characters)
        return vkh_vocab_find(vocab, word, bytes);
    uint32_t length = 0;
    for (uint64_t i = 0; i < bytes; i++)
        length += vkh_byte_spell((uint8_t)word[i], e->spelled + length);
    return vkh_vocab_find(vocab, e->spelled, length);
}

static enum vkh_status encode_word(struct encoder *e, const char *word, uint64_t bytes)
{
    const int32_t id = e->tokenizer->ignore_merges ? find_word(e, word, bytes) : -1;
    if (id < 0)
        return vkh_bpe_encode(&e->tokenizer->bpe, &e->scratch, word, bytes, &e->ids, &e->n_missing);
    if (vkh_ids_reserve(&e->ids, 1) != VKH_OK)
        return VKH_ERR_MEMORY;
    e->ids.data[e->ids.count++] = id;
    return VKH_OK;
}

static enum vkh_status take_piece(struct encoder *e, const char *word, uint64_t bytes)
{
    if (bytes > INT32_MAX)
        return vkh_fail(&e->tokenizer->log, VKH_ERR_UNSUPPORTED,
                        "the text: a word of %" PRIu64 " bytes; at most %d are supported", bytes,
                        INT32_MAX);
    struct seen *seen = &e->seen[vkh_hash_bytes(word, bytes) & e->seen_mask];
    if (seen->bytes == bytes && memcmp(seen->word, word, bytes) == 0) {
        if (vkh_ids_reserve(&e->ids, seen->n_ids) != VKH_OK)
            return out_of_memory(e->tokenizer);
        memcpy(e->ids.data + e->ids.count, e->ids.data + seen->at,
               seen->n_ids * sizeof(*e->ids.data));
        e->ids.count += seen->n_ids;
        return VKH_OK;
    }
    const uint64_t at = e->ids.count, missing = e->n_missing;
    if (encode_word(e, word, bytes) != VKH_OK)
        return out_of_memory(e->tokenizer);
    if (missing == e->n_missing)
        *seen = (struct seen){word, (uint32_t)bytes, (uint32_t)(e->ids.count - at), at};
    return VKH_OK;
}

// A word of characters is cut where nothing merges, which is what keeps a whole book, a word in
// SentencePiece's sense, quick; but not one that may be a token as a whole.
static enum vkh_status take_word(void *user, const char *word, uint64_t bytes)
{
    struct encoder *e = user;
    const struct vkh_tokenizer *tokenizer = e->tokenizer;
    if (!tokenizer->bpe.characters || tokenizer->ignore_merges)
        return take_piece(e, word, bytes);
    enum vkh_status status = VKH_OK;
    while (bytes > 0 && status == VKH_OK) {
        const uint64_t n = vkh_bpe_cut(&tokenizer->bpe, word, bytes);
        status = take_piece(e, word, n);
        word += n;
        bytes -= n;
    }
    return status;
}

// Passes on what lies between the tokens of a set.
static enum vkh_status take_added(struct encoder *e, const struct vkh_added_set *set,
                                  const char *text, uint64_t bytes, uint64_t offset,
                                  enum vkh_status (*between)(struct encoder *, const char *,
                                                             uint64_t, uint64_t))
{
    struct vkh_added_match match = {0};
    uint64_t at = 0;
    while (vkh_added_next(set, text, bytes, &match)) {
        if (match.start > at) {
            const enum vkh_status status = between(e, text + at, match.start - at, offset + at);
            if (status != VKH_OK)
                return status;
        }
        if (vkh_ids_reserve(&e->ids, 1) != VKH_OK)
            return out_of_memory(e->tokenizer);
        e->ids.data[e->ids.count++] = match.token->id;
        at = match.end;
    }
    return at < bytes ? between(e, text + at, bytes - at, offset + at) : VKH_OK;
}

static enum vkh_status take_plain(struct encoder *e, const char *text, uint64_t bytes,
                                  uint64_t offset)
{
    return vkh_splitter_run(&e->splitter, text, bytes, offset);
}

static enum vkh_status take_raw(struct encoder *e, const char *text, uint64_t bytes,
                                uint64_t offset)
{
    if (vkh_normalize(&e->tokenizer->normalizer, &e->arena, &text, &bytes) != VKH_OK)
        return out_of_memory(e->tokenizer);
    return take_added(e, &e->tokenizer->normalized, text, bytes, offset, take_plain);
}

static enum vkh_status encoder_init(struct encoder *e, const struct vkh_tokenizer *tokenizer,
                                    uint64_t bytes)
{
    uint64_t slots = 64;
    while (slots < MAX_SEEN && slots < bytes / 16)
        slots *= 2;
    *e = (struct encoder){.tokenizer = tokenizer, .seen_mask = slots - 1};
    e->splitter = (struct vkh_splitter){.split = &tokenizer->split,
                                        .log = &tokenizer->log,
                                        .arena = &e->arena,
                                        .word = take_word,
                                        .user = e};
    e->seen = calloc(slots, sizeof(*e->seen));
    e->spelled = malloc(2 * (uint64_t)tokenizer->vocab.longest + 1);
    if (!e->seen || !e->spelled || vkh_splitter_init(&e->splitter) != VKH_OK ||
        vkh_ids_reserve(&e->ids, tokenizer->n_prefix + bytes / 4 + 1) != VKH_OK)
        return out_of_memory(tokenizer);
    for (uint32_t i = 0; i < tokenizer->n_prefix; i++)
        e->ids.data[e->ids.count++] = tokenizer->prefix[i];
    return VKH_OK;
}

static void encoder_fini(struct encoder *e)
{
    vkh_splitter_fini(&e->splitter);
    vkh_bpe_scratch_fini(&e->scratch);
    vkh_arena_fini(&e->arena);
    free(e->ids.data);
    free(e->seen);
    free(e->spelled);
}

enum vkh_status vkh_tokenizer_encode(const struct vkh_tokenizer *tokenizer, const char *text,
                                     uint64_t bytes, int32_t **ids, uint64_t *n_ids)
{
    *ids = NULL;
    *n_ids = 0;
    const uint8_t *bad = bytes == 0 ? NULL : u8_check((const uint8_t *)text, bytes);
    if (bad)
        return vkh_fail(&tokenizer->log, VKH_ERR_FORMAT,
                        "not UTF-8 at byte %" PRIu64 " of the text (0x%02x)",
                        (uint64_t)(bad - (const uint8_t *)text), *bad);
    struct encoder e;
    enum vkh_status status = encoder_init(&e, tokenizer, bytes);
    if (status == VKH_OK)
        status = take_added(&e, &tokenizer->raw, text, bytes, 0, take_raw);
    if (status == VKH_OK) {
        if (e.n_missing > 0)
            vkh_logf(&tokenizer->log, VKH_LOG_WARNING,
                     "%" PRIu64 " bytes of the text have no token in the vocabulary and are left "
                     "out",
                     e.n_missing);
        *ids = e.ids.data;
        *n_ids = e.ids.count;
        e.ids.data = NULL;
    }
    encoder_fini(&e);
    return status;
}

void vkh_ids_free(int32_t **ids)
{
    if (!ids)
        return;
    free(*ids);
    *ids = NULL;
}
