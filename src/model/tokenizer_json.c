// SPDX-License-Identifier: MIT
// tokenizer.json: the vocabulary, the merges and the added tokens. Truncation and padding are the
// caller's affair, as they are in transformers; the decoder is not used.
#include "model/tokenizer_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/size.h"

const struct vkh_place *vkh_json_place(const struct vkh_place *outer, const char *key, size_t index,
                                       struct json_place *inner)
{
    if (!key)
        snprintf(inner->field, sizeof(inner->field), "%s[%zu]", outer->field, index);
    else
        snprintf(inner->field, sizeof(inner->field), "%s%s%s", outer->field,
                 outer->field[0] ? "." : "", key);
    inner->place = (struct vkh_place){outer->path, inner->field, outer->log};
    return &inner->place;
}

static enum vkh_status malformed(const struct vkh_place *outer, const char *key, const char *what)
{
    struct json_place inner;
    const struct vkh_place *place = vkh_json_place(outer, key, 0, &inner);
    return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: not %s", place->path, place->field, what);
}

static enum vkh_status unsupported(const struct vkh_place *outer, const char *key, const char *what)
{
    struct json_place inner;
    const struct vkh_place *place = vkh_json_place(outer, key, 0, &inner);
    return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: %s", place->path, place->field, what);
}

enum vkh_status vkh_json_bool(const struct vkh_place *place, const json_t *object, const char *key,
                              bool *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return VKH_OK;
    if (!json_is_boolean(value))
        return malformed(place, key, "a boolean");
    *out = json_is_true(value);
    return VKH_OK;
}

enum vkh_status vkh_json_type(const struct vkh_place *place, const json_t *object, const char **out)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type)
        return malformed(place, "type", "a string");
    const size_t length = strlen(type);
    bool shown = length <= 64;
    for (size_t i = 0; i < length && shown; i++)
        shown = type[i] >= 0x20 && type[i] <= 0x7e;
    *out = shown ? type : "(not printable)";
    return VKH_OK;
}

// Fields that change the ids, or may: those known must have a value that changes nothing.
static enum vkh_status check_model_fields(const struct vkh_place *place, json_t *model)
{
    static const char *const inert[] = {"dropout", "continuing_subword_prefix",
                                        "end_of_word_suffix"};
    static const char *const known[] = {"type",  "unk_token",     "fuse_unk", "byte_fallback",
                                        "vocab", "ignore_merges", "merges"};
    const char *key;
    json_t *value;
    json_object_foreach(model, key, value)
    {
        bool good = false;
        for (size_t i = 0; i < VKH_COUNTOF(known) && !good; i++)
            good = strcmp(key, known[i]) == 0;
        for (size_t i = 0; i < VKH_COUNTOF(inert) && !good; i++)
            good = strcmp(key, inert[i]) == 0 &&
                   (json_is_null(value) || json_is_false(value) ||
                    (json_is_number(value) && json_number_value(value) == 0) ||
                    (json_is_string(value) && json_string_length(value) == 0));
        if (!good)
            return unsupported(place, strlen(key) <= 64 ? key : "(a long name)",
                               "not supported, and it may change the ids");
    }
    return VKH_OK;
}

static enum vkh_status read_vocab(const struct vkh_place *outer, json_t *vocab, uint64_t n_added,
                                  struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const struct vkh_place *place = vkh_json_place(outer, "vocab", 0, &inner);
    enum vkh_status status = vkh_vocab_init(place, &tokenizer->arena,
                                            tokenizer->byte_level ? VKH_SPELL_GPT2 : VKH_SPELL_SPM,
                                            json_object_size(vocab) + n_added, &tokenizer->vocab);
    const char *text;
    json_t *id;
    json_object_foreach(vocab, text, id)
    {
        if (status == VKH_OK && !json_is_integer(id))
            status = vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: an id is not an integer",
                              place->path, place->field);
        if (status != VKH_OK)
            return status;
        status = vkh_vocab_add(place, &tokenizer->arena, &tokenizer->vocab, json_integer_value(id),
                               text, strlen(text));
    }
    return status;
}

// "left right", or ["left", "right"].
static bool merge_parts(const json_t *merge, const char *parts[2], size_t lengths[2])
{
    if (json_is_string(merge)) {
        parts[0] = json_string_value(merge);
        const char *space = strchr(parts[0], ' ');
        if (!space || strchr(space + 1, ' '))
            return false;
        parts[1] = space + 1;
        lengths[0] = (size_t)(space - parts[0]);
        lengths[1] = strlen(parts[1]);
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *part = json_array_get(merge, i);
        parts[i] = json_string_value(part);
        lengths[i] = json_string_length(part);
    }
    return json_array_size(merge) == 2 && parts[0] && parts[1];
}

static enum vkh_status read_merges(const struct vkh_place *outer, const json_t *model,
                                   struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const struct vkh_place *place = vkh_json_place(outer, "merges", 0, &inner);
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges))
        return malformed(outer, "merges", "an array");
    enum vkh_status status = vkh_bpe_init(place, &tokenizer->arena, &tokenizer->vocab,
                                          json_array_size(merges), &tokenizer->bpe);
    for (size_t i = 0; i < json_array_size(merges) && status == VKH_OK; i++) {
        const char *parts[2];
        size_t lengths[2];
        if (!merge_parts(json_array_get(merges, i), parts, lengths))
            return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s[%zu]: not two tokens", place->path,
                            place->field, i);
        status = vkh_bpe_add(place, &tokenizer->vocab, &tokenizer->bpe, parts[0], lengths[0],
                             parts[1], lengths[1]);
    }
    return status;
}

// What stands for a byte that the vocabulary lacks.
static enum vkh_status read_unknown(const struct vkh_place *place, const json_t *model,
                                    struct vkh_tokenizer *tokenizer)
{
    struct vkh_bpe *bpe = &tokenizer->bpe;
    const json_t *unknown = json_object_get(model, "unk_token");
    if (!unknown || json_is_null(unknown))
        return VKH_OK;
    if (!json_is_string(unknown))
        return malformed(place, "unk_token", "a string");
    bpe->unknown =
        vkh_vocab_find(&tokenizer->vocab, json_string_value(unknown), json_string_length(unknown));
    if (bpe->unknown < 0)
        return malformed(place, "unk_token", "in the vocabulary");
    return vkh_json_bool(place, model, "fuse_unk", &bpe->fuse_unknown);
}

// The tokens of bytes that take the place of a character without one.
static enum vkh_status read_fallback(const struct vkh_place *place, const json_t *model,
                                     struct vkh_tokenizer *tokenizer)
{
    bool fallback = false;
    const enum vkh_status status = vkh_json_bool(place, model, "byte_fallback", &fallback);
    if (status != VKH_OK || !fallback)
        return status;
    if (tokenizer->byte_level)
        return unsupported(place, "byte_fallback", "not supported with ByteLevel");
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof(name), "<0x%02X>", byte);
        const int32_t id = vkh_vocab_find(&tokenizer->vocab, name, strlen(name));
        tokenizer->bpe.byte_ids[byte] = id;
        if (id >= 0 &&
            !vkh_vocab_make_byte(&tokenizer->arena, &tokenizer->vocab, id, (uint8_t)byte))
            return vkh_place_memory(place);
    }
    return VKH_OK;
}

static enum vkh_status read_model(const struct vkh_place *root, json_t *model, uint64_t n_added,
                                  struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const struct vkh_place *place = vkh_json_place(root, "model", 0, &inner);
    const char *type;
    enum vkh_status status = vkh_json_type(place, model, &type);
    if (status == VKH_OK && strcmp(type, "BPE") != 0)
        status = vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: model.type: %s; BPE is supported",
                          place->path, type);
    if (status == VKH_OK)
        status = check_model_fields(place, model);
    if (status == VKH_OK)
        status = vkh_json_bool(place, model, "ignore_merges", &tokenizer->ignore_merges);
    if (status == VKH_OK)
        status = read_vocab(place, json_object_get(model, "vocab"), n_added, tokenizer);
    if (status == VKH_OK)
        status = read_merges(place, model, tokenizer);
    if (status == VKH_OK)
        status = read_unknown(place, model, tokenizer);
    return status == VKH_OK ? read_fallback(place, model, tokenizer) : status;
}

// What a token looks like in the text that it is looked for in.
static enum vkh_status normalize(const struct vkh_place *place, struct vkh_tokenizer *tokenizer,
                                 struct vkh_added *token)
{
    uint64_t length = token->length;
    if (vkh_normalize(&tokenizer->normalizer, &tokenizer->arena, &token->text, &length) != VKH_OK)
        return vkh_place_memory(place);
    token->length = (uint32_t)length;
    return VKH_OK;
}

static enum vkh_status read_added_token(const struct vkh_place *place, const json_t *object,
                                        struct vkh_tokenizer *tokenizer)
{
    const json_t *content = json_object_get(object, "content"), *id = json_object_get(object, "id");
    if (!json_is_string(content))
        return malformed(place, "content", "a string");
    if (!json_is_integer(id))
        return malformed(place, "id", "an integer");
    struct vkh_vocab *vocab = &tokenizer->vocab;
    const char *text = json_string_value(content);
    const size_t length = json_string_length(content);
    const int32_t known = vkh_vocab_find(vocab, text, length);
    enum vkh_status status = VKH_OK;
    if (known < 0)
        status = vkh_vocab_add_plain(place, &tokenizer->arena, vocab, json_integer_value(id), text,
                                     length);
    else if (known != json_integer_value(id))
        return malformed(place, "id", "the id that model.vocab gives");
    else
        vkh_vocab_make_plain(vocab, known);
    bool single_word = false, normalized = false;
    struct vkh_added token = {.id = (int32_t)json_integer_value(id)};
    if (status == VKH_OK)
        status = vkh_json_bool(place, object, "single_word", &single_word);
    if (status == VKH_OK)
        status = vkh_json_bool(place, object, "lstrip", &token.lstrip);
    if (status == VKH_OK)
        status = vkh_json_bool(place, object, "rstrip", &token.rstrip);
    if (status == VKH_OK)
        status = vkh_json_bool(place, object, "normalized", &normalized);
    if (status == VKH_OK && single_word)
        status = unsupported(place, "single_word", "not supported");
    if (status != VKH_OK)
        return status;
    token.text = vocab->tokens[token.id].text;
    token.length = vocab->tokens[token.id].length;
    if (normalized)
        status = normalize(place, tokenizer, &token);
    struct vkh_added_set *set = normalized ? &tokenizer->normalized : &tokenizer->raw;
    set->tokens[set->count++] = token;
    return status;
}

static enum vkh_status read_added(const struct vkh_place *root, const json_t *added,
                                  struct vkh_tokenizer *tokenizer)
{
    struct json_place inner, element;
    const struct vkh_place *place = vkh_json_place(root, "added_tokens", 0, &inner);
    const size_t count = json_array_size(added);
    struct vkh_added_set *sets[] = {&tokenizer->raw, &tokenizer->normalized};
    for (size_t i = 0; i < VKH_COUNTOF(sets); i++) {
        sets[i]->tokens = vkh_arena_alloc(&tokenizer->arena, count, sizeof(*sets[i]->tokens));
        if (!sets[i]->tokens)
            return vkh_place_memory(place);
    }
    for (size_t i = 0; i < count; i++) {
        const enum vkh_status status = read_added_token(vkh_json_place(place, NULL, i, &element),
                                                        json_array_get(added, i), tokenizer);
        if (status != VKH_OK)
            return status;
    }
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < VKH_COUNTOF(sets) && status == VKH_OK; i++)
        status = vkh_added_index(place, sets[i]);
    return status == VKH_OK ? vkh_vocab_complete(place, &tokenizer->vocab) : status;
}

static enum vkh_status read_root(const struct vkh_place *place, const json_t *root,
                                 struct vkh_tokenizer *tokenizer)
{
    json_t *model = json_object_get(root, "model");
    const json_t *vocab = json_object_get(model, "vocab");
    const json_t *added = json_object_get(root, "added_tokens");
    if (!json_is_object(model))
        return malformed(place, "model", "an object");
    if (!json_is_object(vocab))
        return malformed(place, "model.vocab", "an object");
    if (added && !json_is_null(added) && !json_is_array(added))
        return malformed(place, "added_tokens", "an array");
    uint64_t n_added = 0;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(added, i), "content"));
        n_added += text && !json_object_get(vocab, text);
    }
    enum vkh_status status = vkh_json_normalizer(place, root, tokenizer);
    if (status == VKH_OK)
        status = vkh_json_pre_tokenizer(place, root, tokenizer);
    if (status == VKH_OK)
        status = read_model(place, model, n_added, tokenizer);
    if (status == VKH_OK)
        status = read_added(place, added, tokenizer);
    return status == VKH_OK ? vkh_json_post_processor(place, root, tokenizer) : status;
}

enum vkh_status vkh_tokenizer_from_json(const char *path, struct vkh_tokenizer *tokenizer)
{
    struct vkh_file file;
    enum vkh_status status = vkh_file_open(path, &tokenizer->log, &file);
    if (status != VKH_OK)
        return status;
    json_error_t error;
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    vkh_file_close(&file);
    // Jansson that runs out of memory mostly says so by no line.
    if (!root && (error.line < 0 || json_error_code(&error) == json_error_out_of_memory))
        return vkh_fail(&tokenizer->log, VKH_ERR_MEMORY, "%s: out of memory", path);
    if (!root)
        return vkh_fail(&tokenizer->log, VKH_ERR_FORMAT,
                        "%s: line %d, column %d: not JSON, or a name appears twice in an object",
                        path, error.line, error.column);
    const struct vkh_place place = {path, "", &tokenizer->log};
    status = read_root(&place, root, tokenizer);
    json_decref(root);
    return status;
}
