// SPDX-License-Identifier: MIT
// A GGUF's vocabulary: the tokenizer.ggml.* metadata.
#include <inttypes.h>
#include <string.h>
#include <unistr.h>

#include "base/log.h"
#include "base/size.h"
#include "model/gguf_parts.h"
#include "model/tokenizer_gguf.h"

// What a name in tokenizer.ggml.pre stands for.
struct pre_tokenizer {
    const char *name;
    const char *digits; // cut out before `pattern` is at work; NULL: not
    const char *pattern;
    bool nfc, ignore_merges;
    bool bos; // where tokenizer.ggml.add_bos_token is absent
};

static const struct pre_tokenizer pre_tokenizers[] = {
    {"gpt-2", NULL, vkh_split_gpt2, false, false, false},
    {"llama-bpe", NULL, vkh_split_llama3, false, true, true},
    {"llama3", NULL, vkh_split_llama3, false, true, true},
    {"llama-v3", NULL, vkh_split_llama3, false, true, true},
    {"qwen2", NULL, vkh_split_qwen2, true, false, false},
    {"smollm", "\\p{N}", vkh_split_gpt2, false, false, false},
};

static enum vkh_status read_model(const struct vkh_gguf *gguf, struct vkh_gguf_string *model)
{
    static const char key[] = "tokenizer.ggml.model";
    *model = (struct vkh_gguf_string){NULL, 0};
    const enum vkh_status status = vkh_gguf_string(gguf, key, model);
    if (status == VKH_OK && !model->text)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: absent: no vocabulary", gguf->path,
                        key);
    if (status == VKH_OK && !vkh_gguf_string_is(*model, "gpt2") &&
        !vkh_gguf_string_is(*model, "llama"))
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: %s: neither gpt2 (byte-level BPE) nor llama (SentencePiece)",
                        gguf->path, key);
    return status;
}

static enum vkh_status read_pre(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer,
                                const struct pre_tokenizer **out)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.pre");
    struct vkh_gguf_string name = {NULL, 0};
    enum vkh_status status = vkh_gguf_string(gguf, place.field, &name);
    if (status != VKH_OK)
        return status;
    const struct pre_tokenizer *pre = NULL;
    for (size_t i = 0; i < VKH_COUNTOF(pre_tokenizers) && name.text && !pre; i++)
        if (vkh_gguf_string_is(name, pre_tokenizers[i].name))
            pre = &pre_tokenizers[i];
    if (!pre)
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: %s: %s; gpt-2, llama-bpe, qwen2 and smollm are supported", gguf->path,
                        place.field, name.text ? "unknown" : "absent");
    bool prefix_space = false;
    status = vkh_gguf_bool(gguf, "tokenizer.ggml.add_space_prefix", &prefix_space);
    if (status == VKH_OK && pre->digits)
        status = vkh_split_add(&place, pre->digits, false, &tokenizer->split);
    if (status == VKH_OK)
        status = vkh_split_add(&place, pre->pattern, prefix_space, &tokenizer->split);
    if (status == VKH_OK && pre->nfc)
        status = vkh_normalizer_add(&place, (struct vkh_normal_step){VKH_NORMAL_NFC, NULL, NULL},
                                    &tokenizer->normalizer);
    tokenizer->ignore_merges = pre->ignore_merges;
    *out = pre;
    return status;
}

enum vkh_status vkh_gguf_add_special(const struct vkh_place *place, const struct vkh_vocab *vocab,
                                     int32_t id, struct vkh_added_set *set)
{
    const struct vkh_token *token = &vocab->tokens[id];
    if (u8_check((const uint8_t *)token->text, token->length))
        return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s[%" PRId32 "]: not UTF-8", place->path,
                        place->field, id);
    set->tokens[set->count++] =
        (struct vkh_added){.text = token->text, .length = token->length, .id = id};
    return VKH_OK;
}

static enum vkh_status read_token(const struct vkh_place *place, struct vkh_tokenizer *tokenizer,
                                  uint32_t id, struct vkh_gguf_string text, int32_t type)
{
    if (type < VKH_TOKEN_NORMAL || type > VKH_TOKEN_UNUSED)
        return vkh_fail(place->log, VKH_ERR_UNSUPPORTED,
                        "%s: tokenizer.ggml.token_type[%" PRIu32 "]: %" PRId32
                        " is none of byte-level BPE",
                        place->path, id, type);
    struct vkh_vocab *vocab = &tokenizer->vocab;
    const enum vkh_status status =
        vkh_vocab_add(place, &tokenizer->arena, vocab, id, text.text, text.length);
    if (status != VKH_OK || type == VKH_TOKEN_NORMAL)
        return status;
    vkh_vocab_make_plain(vocab, (int32_t)id);
    if (type == VKH_TOKEN_UNUSED)
        return VKH_OK;
    return vkh_gguf_add_special(place, vocab, (int32_t)id, &tokenizer->raw);
}

enum vkh_status vkh_gguf_tokens(const struct vkh_gguf *gguf, enum vkh_spelling spelling,
                                struct vkh_tokenizer *tokenizer, struct vkh_gguf_array *texts,
                                struct vkh_gguf_array *types)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.tokens");
    enum vkh_status status = vkh_gguf_array(gguf, place.field, VKH_GGUF_STRING, texts);
    if (status == VKH_OK)
        status = vkh_gguf_array(gguf, "tokenizer.ggml.token_type", VKH_GGUF_I32, types);
    if (status != VKH_OK)
        return status;
    if (texts->count != types->count)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: tokenizer.ggml.token_type: %" PRIu64 " types for %" PRIu64 " tokens",
                        gguf->path, types->count, texts->count);
    status = vkh_vocab_init(&place, &tokenizer->arena, spelling, texts->count, &tokenizer->vocab);
    if (status != VKH_OK)
        return status;
    tokenizer->raw.tokens =
        vkh_arena_alloc(&tokenizer->arena, texts->count, sizeof(*tokenizer->raw.tokens));
    return tokenizer->raw.tokens ? VKH_OK : vkh_place_memory(&place);
}

static enum vkh_status read_tokens(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.tokens");
    struct vkh_gguf_array texts, types;
    enum vkh_status status = vkh_gguf_tokens(gguf, VKH_SPELL_GPT2, tokenizer, &texts, &types);
    for (uint32_t id = 0; id < tokenizer->vocab.count && status == VKH_OK; id++) {
        const struct vkh_gguf_string text = vkh_gguf_next_string(&texts);
        status = read_token(&place, tokenizer, id, text, vkh_gguf_next_i32(&types));
    }
    return status == VKH_OK ? vkh_added_index(&place, &tokenizer->raw) : status;
}

static enum vkh_status read_merges(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.merges");
    struct vkh_gguf_array merges;
    enum vkh_status status = vkh_gguf_array(gguf, place.field, VKH_GGUF_STRING, &merges);
    if (status == VKH_OK && !merges.next)
        status = vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: absent", gguf->path, place.field);
    if (status == VKH_OK)
        status = vkh_bpe_init(&place, &tokenizer->arena, &tokenizer->vocab, merges.count,
                              &tokenizer->bpe);
    for (uint64_t i = 0; i < merges.count && status == VKH_OK; i++) {
        const struct vkh_gguf_string merge = vkh_gguf_next_string(&merges);
        const char *end = merge.text + merge.length;
        const char *space = memchr(merge.text, ' ', merge.length);
        if (!space || memchr(space + 1, ' ', (size_t)(end - space - 1)))
            return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s[%" PRIu64 "]: not two tokens",
                            gguf->path, place.field, i);
        status =
            vkh_bpe_add(&place, &tokenizer->vocab, &tokenizer->bpe, merge.text,
                        (uint64_t)(space - merge.text), space + 1, (uint64_t)(end - space - 1));
    }
    return status;
}

// `bos`: where tokenizer.ggml.add_bos_token is absent.
static enum vkh_status read_prefix(const struct vkh_gguf *gguf, bool bos,
                                   struct vkh_tokenizer *tokenizer)
{
    const struct vkh_place place = vkh_gguf_place(gguf, "tokenizer.ggml.bos_token_id");
    bool eos = false;
    uint32_t id = UINT32_MAX;
    enum vkh_status status = vkh_gguf_bool(gguf, "tokenizer.ggml.add_bos_token", &bos);
    if (status == VKH_OK)
        status = vkh_gguf_bool(gguf, "tokenizer.ggml.add_eos_token", &eos);
    if (status == VKH_OK && eos)
        status = vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                          "%s: tokenizer.ggml.add_eos_token: true is not supported", gguf->path);
    if (status != VKH_OK || !bos)
        return status;
    status = vkh_gguf_u32(gguf, place.field, &id);
    if (status == VKH_OK && id == UINT32_MAX)
        status = vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: absent, but it goes in front",
                          gguf->path, place.field);
    return status == VKH_OK ? vkh_tokenizer_prepend(&place, tokenizer, id) : status;
}

static enum vkh_status read_bytes(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const struct pre_tokenizer *pre = NULL;
    enum vkh_status status = read_pre(gguf, tokenizer, &pre);
    if (status == VKH_OK)
        status = read_tokens(gguf, tokenizer);
    if (status == VKH_OK)
        status = read_merges(gguf, tokenizer);
    return status == VKH_OK ? read_prefix(gguf, pre->bos, tokenizer) : status;
}

static enum vkh_status read_spm(const struct vkh_gguf *gguf, struct vkh_tokenizer *tokenizer)
{
    const enum vkh_status status = vkh_tokenizer_from_gguf_spm(gguf, tokenizer);
    return status == VKH_OK ? read_prefix(gguf, true, tokenizer) : status;
}

enum vkh_status vkh_tokenizer_from_gguf(const char *path, struct vkh_tokenizer *tokenizer)
{
    struct vkh_gguf gguf;
    struct vkh_gguf_string model;
    enum vkh_status status = vkh_gguf_open_first(path, &tokenizer->log, &tokenizer->arena, &gguf);
    if (status != VKH_OK)
        return status;
    status = read_model(&gguf, &model);
    if (status == VKH_OK)
        status = vkh_gguf_string_is(model, "llama") ? read_spm(&gguf, tokenizer)
                                                    : read_bytes(&gguf, tokenizer);
    vkh_gguf_close(&gguf);
    return status;
}
