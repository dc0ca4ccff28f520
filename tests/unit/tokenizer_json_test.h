// SPDX-License-Identifier: MIT
// A tokenizer.json made in the test: the 256 bytes, a few merges, four added tokens, GPT-2's parts.
#ifndef VKH_TESTS_TOKENIZER_JSON_TEST_H
#define VKH_TESTS_TOKENIZER_JSON_TEST_H

#include <jansson.h>

#include "base/size.h"
#include "model/vocab.h"
#include "tokenizer_test.h"

static const char *const merges[] = {"a a",   "b c", "aa a", "a b", "ab c",
                                     "aa aa", "c c", "Ġ a",  "l l"};

static json_t *text_of_byte(unsigned byte)
{
    char text[2];
    const uint32_t length = vkh_byte_spell((uint8_t)byte, text);
    return json_stringn(text, length);
}

static json_t *make_added(const char *text, int id, bool lstrip, bool rstrip, bool normalized)
{
    return json_pack("{s:s, s:i, s:b, s:b, s:b, s:b}", "content", text, "id", id, "lstrip", lstrip,
                     "rstrip", rstrip, "normalized", normalized, "single_word", false);
}

static json_t *make_document(void)
{
    json_t *vocab = json_object(), *list = json_array(), *added = json_array();
    int next = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        json_t *text = text_of_byte(byte);
        json_object_set_new(vocab, json_string_value(text), json_integer(next++));
        json_decref(text);
    }
    for (size_t i = 0; i < VKH_COUNTOF(merges); i++) {
        char whole[16];
        const size_t left = strcspn(merges[i], " ");
        snprintf(whole, sizeof(whole), "%.*s%s", (int)left, merges[i], merges[i] + left + 1);
        json_object_set_new(vocab, whole, json_integer(next++));
        json_array_append_new(list, json_string(merges[i]));
    }
    json_array_append_new(added, make_added("<s>", next++, false, false, false));
    json_array_append_new(added, make_added("<s>>", next++, false, false, false));
    json_array_append_new(added, make_added("<l>", next++, true, false, false));
    json_array_append_new(added, make_added("<r>", next++, false, true, true));
    return json_pack("{s:s, s:o, s:n, s:{s:s, s:b, s:b}, s:n, s:{s:s, s:n, s:o, s:o}}", "version",
                     "1.0", "added_tokens", added, "normalizer", "pre_tokenizer", "type",
                     "ByteLevel", "add_prefix_space", 0, "use_regex", 1, "post_processor", "model",
                     "type", "BPE", "dropout", "vocab", vocab, "merges", list);
}

// Sets the value at a path of members and indices ("model.merges.0") to what `value` says in JSON;
// NULL removes it.
static void edit(json_t *document, const char *path, const char *value)
{
    char name[64];
    json_t *at = document, *replacement = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    CHECK_MSG(!value || replacement, "%s is not JSON", value);
    for (;;) {
        const size_t length = strcspn(path, ".");
        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        path += length;
        if (*path == '\0')
            break;
        path++;
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(name)) : json_object_get(at, name);
    }
    if (json_is_array(at))
        json_array_set_new(at, (size_t)atoi(name), replacement);
    else if (replacement)
        json_object_set_new(at, name, replacement);
    else
        json_object_del(at, name);
}

// Opens the document and drops it.
static enum vkh_status open_document(json_t *document, struct vkh_tokenizer **tokenizer)
{
    char *content = json_dumps(document, JSON_COMPACT);
    const enum vkh_status status = open_content(content, strlen(content), tokenizer);
    free(content);
    json_decref(document);
    return status;
}

#endif
