// SPDX-License-Identifier: MIT
// tokenizer.json: normalizer, pre-tokenizer and post-processor. Each is one part, a Sequence of
// parts, or null; a part that is unknown here is refused by its name.
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "model/tokenizer_json.h"

enum { MAX_DEPTH = 8 };

typedef enum vkh_status part_fn(const struct vkh_place *place, const char *type, const json_t *part,
                                struct vkh_tokenizer *tokenizer);

// Calls `take` on a part, or on those of a Sequence, whose list is called `list`.
static enum vkh_status walk(const struct vkh_place *place, const char *list, const json_t *part,
                            unsigned depth, part_fn *take, struct vkh_tokenizer *tokenizer)
{
    if (!part || json_is_null(part))
        return VKH_OK;
    const char *type;
    enum vkh_status status = vkh_json_type(place, part, &type);
    if (status != VKH_OK)
        return status;
    if (strcmp(type, "Sequence") != 0)
        return take(place, type, part, tokenizer);
    struct json_place inner, element;
    const struct vkh_place *list_place = vkh_json_place(place, list, 0, &inner);
    const json_t *parts = json_object_get(part, list);
    if (!json_is_array(parts) || depth == MAX_DEPTH)
        return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: not an array, or nested too deeply",
                        place->path, list_place->field);
    for (size_t i = 0; i < json_array_size(parts) && status == VKH_OK; i++)
        status = walk(vkh_json_place(list_place, NULL, i, &element), list, json_array_get(parts, i),
                      depth + 1, take, tokenizer);
    return status;
}

static enum vkh_status unsupported(const struct vkh_place *place, const char *what,
                                   const char *known)
{
    return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: %s is not supported; %s", place->path,
                    place->field, what, known);
}

// A member that must be a string, not empty and without NUL, copied into the arena.
static enum vkh_status read_text(const struct vkh_place *place, const json_t *part, const char *key,
                                 struct vkh_tokenizer *tokenizer, const char **out)
{
    struct json_place inner;
    const struct vkh_place *at = vkh_json_place(place, key, 0, &inner);
    const json_t *value = json_object_get(part, key);
    const size_t length = json_string_length(value);
    if (length == 0 || strlen(json_string_value(value)) != length)
        return unsupported(at, "anything but a text", "a text is");
    *out = vkh_arena_strndup(&tokenizer->arena, json_string_value(value), length);
    return *out ? VKH_OK : vkh_place_memory(at);
}

static enum vkh_status take_replace(const struct vkh_place *place, const json_t *part,
                                    struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    struct vkh_normal_step step = {.kind = VKH_NORMAL_REPLACE};
    enum vkh_status status =
        read_text(vkh_json_place(place, "pattern", 0, &inner), json_object_get(part, "pattern"),
                  "String", tokenizer, &step.from);
    if (status == VKH_OK)
        status = read_text(place, part, "content", tokenizer, &step.to);
    return status == VKH_OK ? vkh_normalizer_add(place, step, &tokenizer->normalizer) : status;
}

static enum vkh_status take_normalizer(const struct vkh_place *place, const char *type,
                                       const json_t *part, struct vkh_tokenizer *tokenizer)
{
    struct vkh_normal_step step = {.kind = VKH_NORMAL_NFC};
    enum vkh_status status = VKH_OK;
    if (strcmp(type, "Replace") == 0)
        return take_replace(place, part, tokenizer);
    if (strcmp(type, "Prepend") == 0) {
        step.kind = VKH_NORMAL_PREPEND;
        status = read_text(place, part, "prepend", tokenizer, &step.to);
    } else if (strcmp(type, "NFC") != 0) {
        return unsupported(place, type, "NFC, Prepend and Replace are");
    }
    return status == VKH_OK ? vkh_normalizer_add(place, step, &tokenizer->normalizer) : status;
}

enum vkh_status vkh_json_normalizer(const struct vkh_place *place, const json_t *root,
                                    struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    return walk(vkh_json_place(place, "normalizer", 0, &inner), "normalizers",
                json_object_get(root, "normalizer"), 0, take_normalizer, tokenizer);
}

// A cut behind or before every occurrence of a text.
static enum vkh_status take_literal(const struct vkh_place *place, const json_t *part,
                                    const char *behavior, struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    struct vkh_split_stage stage = {.cut_before = strcmp(behavior, "MergedWithNext") == 0};
    if (!stage.cut_before && strcmp(behavior, "MergedWithPrevious") != 0)
        return unsupported(place, "this behavior of a Split by pattern.String",
                           "MergedWithPrevious and MergedWithNext are");
    const enum vkh_status status =
        read_text(vkh_json_place(place, "pattern", 0, &inner), json_object_get(part, "pattern"),
                  "String", tokenizer, &stage.literal);
    return status == VKH_OK ? vkh_split_add_stage(place, stage, &tokenizer->split) : status;
}

static enum vkh_status take_split(const struct vkh_place *place, const json_t *part,
                                  struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const char *behavior = json_string_value(json_object_get(part, "behavior"));
    const json_t *pattern = json_object_get(part, "pattern");
    bool invert = false;
    const enum vkh_status status = vkh_json_bool(place, part, "invert", &invert);
    if (status != VKH_OK)
        return status;
    if (invert)
        return unsupported(place, "invert", "Split by what matches is");
    if (behavior && json_object_get(pattern, "String"))
        return take_literal(place, part, behavior, tokenizer);
    const json_t *regex = json_object_get(pattern, "Regex");
    if (!behavior || strcmp(behavior, "Isolated") != 0)
        return unsupported(place, "this behavior of Split", "Isolated is");
    if (!json_is_string(regex))
        return unsupported(place, "Split by anything but a pattern.Regex or pattern.String",
                           "those are");
    return vkh_split_add(vkh_json_place(place, "pattern.Regex", 0, &inner),
                         json_string_value(regex), false, &tokenizer->split);
}

// SentencePiece's spaces. Older files have add_prefix_space in place of prepend_scheme.
static enum vkh_status take_metaspace(const struct vkh_place *place, const json_t *part,
                                      struct vkh_tokenizer *tokenizer)
{
    struct vkh_split_stage stage = {.cut_before = true};
    bool prefix = true, split = true;
    enum vkh_status status = read_text(place, part, "replacement", tokenizer, &stage.mark);
    if (status == VKH_OK)
        status = vkh_json_bool(place, part, "add_prefix_space", &prefix);
    if (status == VKH_OK)
        status = vkh_json_bool(place, part, "split", &split);
    if (status != VKH_OK)
        return status;
    const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));
    if (!scheme)
        scheme = prefix ? "always" : "never";
    stage.only_first = strcmp(scheme, "first") == 0;
    if (stage.only_first || strcmp(scheme, "always") == 0)
        stage.prefix = stage.mark;
    else if (strcmp(scheme, "never") != 0)
        return unsupported(place, "this prepend_scheme", "always, first and never are");
    stage.literal = split ? stage.mark : NULL;
    return vkh_split_add_stage(place, stage, &tokenizer->split);
}

static enum vkh_status take_digits(const struct vkh_place *place, const json_t *part,
                                   struct vkh_tokenizer *tokenizer)
{
    bool individual = false;
    const enum vkh_status status = vkh_json_bool(place, part, "individual_digits", &individual);
    if (status != VKH_OK)
        return status;
    return vkh_split_add(place, individual ? "\\p{N}" : "\\p{N}+", false, &tokenizer->split);
}

static enum vkh_status take_byte_level(const struct vkh_place *place, const json_t *part,
                                       struct vkh_tokenizer *tokenizer)
{
    bool prefix_space = true, use_regex = true;
    enum vkh_status status = vkh_json_bool(place, part, "add_prefix_space", &prefix_space);
    if (status == VKH_OK)
        status = vkh_json_bool(place, part, "use_regex", &use_regex);
    if (status != VKH_OK)
        return status;
    tokenizer->byte_level = true;
    return vkh_split_add(place, use_regex ? vkh_split_gpt2 : NULL, prefix_space, &tokenizer->split);
}

static enum vkh_status take_pre_tokenizer(const struct vkh_place *place, const char *type,
                                          const json_t *part, struct vkh_tokenizer *tokenizer)
{
    if (tokenizer->byte_level)
        return unsupported(place, type, "nothing may follow ByteLevel");
    if (strcmp(type, "Split") == 0)
        return take_split(place, part, tokenizer);
    if (strcmp(type, "Digits") == 0)
        return take_digits(place, part, tokenizer);
    if (strcmp(type, "ByteLevel") == 0)
        return take_byte_level(place, part, tokenizer);
    if (strcmp(type, "Metaspace") == 0)
        return take_metaspace(place, part, tokenizer);
    return unsupported(place, type, "Split, Digits, Metaspace and ByteLevel are");
}

enum vkh_status vkh_json_pre_tokenizer(const struct vkh_place *place, const json_t *root,
                                       struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    return walk(vkh_json_place(place, "pre_tokenizer", 0, &inner), "pretokenizers",
                json_object_get(root, "pre_tokenizer"), 0, take_pre_tokenizer, tokenizer);
}

// Puts a special token's ids in front, the last first.
static enum vkh_status take_special(const struct vkh_place *place, const json_t *template,
                                    const char *name, struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const struct vkh_place *at = vkh_json_place(place, "special_tokens", 0, &inner);
    const json_t *ids = json_object_get(
        json_object_get(json_object_get(template, "special_tokens"), name ? name : ""), "ids");
    if (!json_is_array(ids))
        return vkh_fail(at->log, VKH_ERR_FORMAT,
                        "%s: %s: the ids of a token that the template names are not an array",
                        at->path, at->field);
    for (size_t i = json_array_size(ids); i-- > 0;) {
        const json_t *id = json_array_get(ids, i);
        const enum vkh_status status =
            vkh_tokenizer_prepend(at, tokenizer, json_is_integer(id) ? json_integer_value(id) : -1);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

// A template for one text: special tokens, then the text.
static enum vkh_status take_template(const struct vkh_place *place, const json_t *template,
                                     struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    const struct vkh_place *at = vkh_json_place(place, "single", 0, &inner);
    if (tokenizer->n_prefix > 0)
        return unsupported(at, "a template after another", "one is");
    const json_t *single = json_object_get(template, "single");
    size_t last = json_array_size(single);
    if (last == 0 || !json_object_get(json_array_get(single, last - 1), "Sequence"))
        return unsupported(at, "a template that does not end with the text",
                           "special tokens in front are");
    while (last-- > 1) {
        const json_t *special = json_object_get(json_array_get(single, last - 1), "SpecialToken");
        if (!special)
            return unsupported(at, "a piece other than SpecialToken in front of the text",
                               "special tokens in front are");
        const enum vkh_status status = take_special(
            place, template, json_string_value(json_object_get(special, "id")), tokenizer);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

static enum vkh_status take_post_processor(const struct vkh_place *place, const char *type,
                                           const json_t *part, struct vkh_tokenizer *tokenizer)
{
    if (strcmp(type, "ByteLevel") == 0)
        return VKH_OK;
    if (strcmp(type, "TemplateProcessing") == 0)
        return take_template(place, part, tokenizer);
    return unsupported(place, type, "ByteLevel and TemplateProcessing are");
}

enum vkh_status vkh_json_post_processor(const struct vkh_place *place, const json_t *root,
                                        struct vkh_tokenizer *tokenizer)
{
    struct json_place inner;
    return walk(vkh_json_place(place, "post_processor", 0, &inner), "processors",
                json_object_get(root, "post_processor"), 0, take_post_processor, tokenizer);
}
