// SPDX-License-Identifier: MIT
// Tokens are found and merged as SentencePiece does it in its BPE models: user-defined ones first,
// in the normalised text, then pairs by score. UNUSED tokens are never made.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "model/tokenizer_gguf.h"

static enum vkh_status add_user_defined(const struct vkh_place *place, int32_t id,
                                        struct vkh_tokenizer *tokenizer)
{
    struct vkh_added_set *set = &tokenizer->normalized;
    const enum vkh_status status = vkh_gguf_add_special(place, &tokenizer->vocab, id, set);
    if (status != VKH_OK)
        return status;
    // Some files spell their spaces as such.
    static const struct vkh_normalizer marks = {{{VKH_NORMAL_REPLACE, " ", VKH_SPACE_MARK}}, 1};
    struct vkh_added *token = &set->tokens[set->count - 1];
    uint64_t length = token->length;
    if (vkh_normalize(&marks, &tokenizer->arena, &token->text, &length) != VKH_OK)
        return vkh_place_memory(place);
    token->length = (uint32_t)length;
    return VKH_OK;
}

static enum vkh_status add_byte(const struct vkh_place *place, int32_t id,
                                struct vkh_tokenizer *tokenizer)
{
    const struct vkh_token *token = &tokenizer->vocab.tokens[id];
    const int byte = vkh_byte_named(token->text, token->length);
    if (byte < 0 || tokenizer->bpe.byte_ids[byte] >= 0)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s[%" PRId32 "]: a byte token that is no <0x00> to <0xFF>, or another "
                        "one of the same byte",
                        place->path, place->field, id);
    tokenizer->bpe.byte_ids[byte] = id;
    return vkh_vocab_make_byte(&tokenizer->arena, &tokenizer->vocab, id, (uint8_t)byte)
               ? VKH_OK
               : vkh_place_memory(place);
}

static enum vkh_status read_token(const struct vkh_place *place, int32_t id,
                                  struct vkh_gguf_string text, int32_t type,
                                  struct vkh_tokenizer *tokenizer)
{
    struct vkh_vocab *vocab = &tokenizer->vocab;
    const bool merges = type == VKH_TOKEN_NORMAL || type == VKH_TOKEN_USER_DEFINED;
    const enum vkh_status status = (merges ? vkh_vocab_add : vkh_vocab_add_plain)(
        place, &tokenizer->arena, vocab, id, text.text, text.length);
    if (status != VKH_OK)
        return status;
    switch (type) {
    case VKH_TOKEN_NORMAL:
    case VKH_TOKEN_UNUSED:
        return VKH_OK;
    case VKH_TOKEN_UNKNOWN:
        if (tokenizer->bpe.unknown < 0)
            tokenizer->bpe.unknown = id;
        return vkh_gguf_add_special(place, vocab, id, &tokenizer->raw);
    case VKH_TOKEN_CONTROL:
        return vkh_gguf_add_special(place, vocab, id, &tokenizer->raw);
    case VKH_TOKEN_USER_DEFINED:
        return add_user_defined(place, id, tokenizer);
    case VKH_TOKEN_BYTE:
        return add_byte(place, id, tokenizer);
    default:
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: tokenizer.ggml.token_type[%" PRId32 "]: %" PRId32 " is unknown",
                        place->path, id, type);
    }
}

static enum vkh_status read_tokens(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.tokens");
    struct vkh_gguf_array texts, types;
    enum vkh_status status = vkh_gguf_tokens(gguf, VKH_SPELL_SPM, tokenizer, &texts, &types);
    if (status == VKH_OK)
        status = vkh_bpe_init(&place, &tokenizer->arena, &tokenizer->vocab, 0, &tokenizer->bpe);
    if (status != VKH_OK)
        return status;
    tokenizer->normalized.tokens =
        vkh_arena_alloc(&tokenizer->arena, texts.count, sizeof(*tokenizer->normalized.tokens));
    if (!tokenizer->normalized.tokens)
        return vkh_place_memory(&place);
    for (uint32_t id = 0; id < tokenizer->vocab.count && status == VKH_OK; id++) {
        const struct vkh_gguf_string text = vkh_gguf_next_string(&texts);
        status = read_token(&place, (int32_t)id, text, vkh_gguf_next_i32(&types), tokenizer);
    }
    if (status == VKH_OK)
        status = vkh_added_index(&place, &tokenizer->raw);
    return status == VKH_OK ? vkh_added_index(&place, &tokenizer->normalized) : status;
}

static enum vkh_status read_scores(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.scores");
    const uint32_t count = tokenizer->vocab.count;
    struct vkh_gguf_array array;
    enum vkh_status status = vkh_gguf_array(gguf, place.field, VKH_GGUF_F32, &array);
    if (status != VKH_OK)
        return status;
    if (array.count != count)
        return vkh_fail(place.log, VKH_ERR_FORMAT,
                        "%s: %s: %" PRIu64 " scores for %" PRIu32 " tokens", place.path,
                        place.field, array.count, count);
    float *scores = malloc(count * sizeof(*scores));
    if (!scores)
        return vkh_place_memory(&place);
    for (uint32_t i = 0; i < count && status == VKH_OK; i++) {
        scores[i] = vkh_gguf_next_f32(&array);
        if (isnan(scores[i]))
            status = vkh_fail(place.log, VKH_ERR_FORMAT, "%s: %s[%" PRIu32 "]: not a number",
                              place.path, place.field, i);
    }
    if (status == VKH_OK)
        status = vkh_bpe_rank(&place, &tokenizer->arena, scores, &tokenizer->bpe);
    free(scores);
    return status;
}

static enum vkh_status read_unknown(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.unknown_token_id");
    uint32_t id = UINT32_MAX;
    tokenizer->bpe.fuse_unknown = true;
    const enum vkh_status status = vkh_gguf_u32(gguf, place.field, &id);
    if (status != VKH_OK || id == UINT32_MAX)
        return status;
    if (id >= tokenizer->vocab.count)
        return vkh_fail(place.log, VKH_ERR_FORMAT,
                        "%s: %s: %" PRIu32 " is outside the vocabulary of %" PRIu32 " tokens",
                        place.path, place.field, id, tokenizer->vocab.count);
    tokenizer->bpe.unknown = (int32_t)id;
    return VKH_OK;
}

static enum vkh_status read_normalizer(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.precompiled_charsmap");
    struct vkh_normalizer *normalizer = &tokenizer->normalizer;
    bool prefix = true, collapse = false;
    enum vkh_status status = vkh_gguf_bool(gguf, "tokenizer.ggml.add_space_prefix", &prefix);
    if (status == VKH_OK)
        status = vkh_gguf_bool(gguf, "tokenizer.ggml.remove_extra_whitespaces", &collapse);
    if (status == VKH_OK && vkh_gguf_find(gguf, place.field))
        status = vkh_fail(place.log, VKH_ERR_UNSUPPORTED,
                          "%s: %s: a character map is not supported", place.path, place.field);
    const struct vkh_normal_step steps[] = {{VKH_NORMAL_COLLAPSE, NULL, NULL},
                                            {VKH_NORMAL_PREPEND, NULL, VKH_SPACE_MARK},
                                            {VKH_NORMAL_REPLACE, " ", VKH_SPACE_MARK},
                                            {VKH_NORMAL_STRIP, VKH_SPACE_MARK, NULL}};
    const bool used[] = {collapse, prefix, true, collapse};
    for (size_t i = 0; i < VKH_COUNTOF(steps) && status == VKH_OK; i++)
        if (used[i])
            status = vkh_normalizer_add(&place, steps[i], normalizer);
    return status;
}

enum vkh_status vkh_tokenizer_from_gguf_spm(const struct vkh_gguf *gguf,
                                            struct vkh_tokenizer *tokenizer)
{
    enum vkh_status status = read_normalizer(gguf, tokenizer);
    if (status == VKH_OK)
        status = read_tokens(gguf, tokenizer);
    if (status == VKH_OK)
        status = read_scores(gguf, tokenizer);
    return status == VKH_OK ? read_unknown(gguf, tokenizer) : status;
}
