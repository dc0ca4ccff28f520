// SPDX-License-Identifier: MIT
// The tokenizer with a vocabulary of the 256 bytes and a few merges, from a tokenizer.json.
#include <jansson.h>
#include <pthread.h>

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

// GPT-2's parts, four added tokens.
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

static struct vkh_tokenizer *open_edited(const char *path, const char *value)
{
    json_t *document = make_document();
    if (path)
        edit(document, path, value);
    struct vkh_tokenizer *tokenizer;
    CHECK_MSG(open_document(document, &tokenizer) == VKH_OK, "%s: %s", path ? path : "", last_line);
    return tokenizer;
}

static void test_bytes(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    CHECK(vkh_tokenizer_vocab(tokenizer) == 256 + VKH_COUNTOF(merges) + 4);
    for (int32_t id = 0; id < 256; id++) {
        uint64_t n;
        const char *bytes = vkh_tokenizer_bytes(tokenizer, id, &n);
        CHECK_MSG(n == 1 && (uint8_t)bytes[0] == id, "token %d", id);
    }
    uint64_t n = 7;
    CHECK(vkh_tokenizer_bytes(tokenizer, -1, &n) == NULL && n == 0);
    CHECK(vkh_tokenizer_bytes(tokenizer, (int32_t)vkh_tokenizer_vocab(tokenizer), &n) == NULL);
    vkh_tokenizer_close(&tokenizer);
    CHECK(tokenizer == NULL);
    vkh_tokenizer_close(&tokenizer);
}

static void test_words(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    CHECK_TOKENS(tokenizer, "", "");
    CHECK_TOKENS(tokenizer, "abc", "a|bc");
    CHECK_TOKENS(tokenizer, "aaaa", "aaaa");
    CHECK_TOKENS(tokenizer, "aaaaa", "aa|aaa");
    CHECK_TOKENS(tokenizer, "aaaaaaa", "aaaa|aaa");
    CHECK_TOKENS(tokenizer, "x  a", "x| | a");
    CHECK_TOKENS(tokenizer, "we'll'LL", "w|e|'|ll|'|L|L");
    CHECK_TOKENS(tokenizer, "12 a", "1|2| a");
    CHECK_TOKENS(tokenizer, "é", "\xc3|\xa9");
    vkh_tokenizer_close(&tokenizer);

    tokenizer = open_edited("model.merges.0", "[\"a\", \"a\"]");
    CHECK_TOKENS(tokenizer, "aaaa", "aaaa");
    vkh_tokenizer_close(&tokenizer);
    tokenizer = open_edited("model.ignore_merges", "true");
    CHECK_TOKENS(tokenizer, "abc aaa", "abc| |aaa");
    vkh_tokenizer_close(&tokenizer);
    tokenizer = open_edited("pre_tokenizer.add_prefix_space", "true");
    CHECK_TOKENS(tokenizer, "a", " a");
    CHECK_TOKENS(tokenizer, " a", " a");
    CHECK_TOKENS(tokenizer, "", "");
    vkh_tokenizer_close(&tokenizer);
}

// The definition: merge the leftmost pair of the lowest rank, until there is none.
static int32_t naive_encode(const char *word, int32_t n, int32_t *ids)
{
    static const char *const texts[] = {"a",   "b",  "c",   "aa",   "bc",
                                        "aaa", "ab", "abc", "aaaa", "cc"};
    static const int8_t pairs[][3] = {{0, 0, 3}, {1, 2, 4}, {3, 0, 5}, {0, 1, 6},
                                      {6, 2, 7}, {3, 3, 8}, {2, 2, 9}};
    for (int32_t i = 0; i < n; i++)
        ids[i] = word[i] - 'a';
    for (;;) {
        size_t best = VKH_COUNTOF(pairs);
        int32_t at = -1;
        for (int32_t i = 0; i + 1 < n; i++)
            for (size_t rank = 0; rank < best; rank++)
                if (pairs[rank][0] == ids[i] && pairs[rank][1] == ids[i + 1]) {
                    best = rank;
                    at = i;
                }
        if (at < 0)
            break;
        ids[at] = pairs[best][2];
        memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof(*ids));
        n--;
    }
    for (int32_t i = 0; i < n; i++)
        ids[i] = (int32_t)strlen(texts[ids[i]]);
    return n;
}

static void test_against_definition(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        char word[40];
        int32_t want[40], length = 1 + round % 39;
        for (int32_t i = 0; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            word[i] = (char)('a' + (seed >> 16) % 3);
        }
        const int32_t n_want = naive_encode(word, length, want);
        int32_t *ids;
        uint64_t n_ids;
        CHECK(vkh_tokenizer_encode(tokenizer, word, (uint64_t)length, &ids, &n_ids) == VKH_OK);
        bool same = n_ids == (uint64_t)n_want;
        for (int32_t i = 0; i < n_want && same; i++) {
            uint64_t bytes;
            vkh_tokenizer_bytes(tokenizer, ids[i], &bytes);
            same = bytes == (uint64_t)want[i];
        }
        CHECK_MSG(same, "%.*s is not merged by the definition", (int)length, word);
        vkh_ids_free(&ids);
    }
    vkh_tokenizer_close(&tokenizer);
}

static void test_added(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    CHECK_TOKENS(tokenizer, "a<s>>b<s>c<s", "a|<s>>|b|<s>|c|<|s");
    CHECK_TOKENS(tokenizer, "a  <l>  b", "a|<l>| | |b");
    CHECK_TOKENS(tokenizer, "a <r> \n b<r>", "a| |<r>|b|<r>");
    CHECK_TOKENS(tokenizer, "<r> <l> <s>", "<r>|<l>| |<s>");
    vkh_tokenizer_close(&tokenizer);
}

static void test_parts(void)
{
    struct vkh_tokenizer *tokenizer =
        open_edited("post_processor",
                    "{\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\"},"
                    "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\":"
                    "\"B\"}}, {\"Sequence\": {\"id\": \"A\"}}], \"special_tokens\": {\"B\":"
                    "{\"ids\": [265, 2]}}}]}");
    CHECK_TOKENS(tokenizer, "ab", "<s>|\x02|ab");
    CHECK_TOKENS(tokenizer, "", "<s>|\x02");
    vkh_tokenizer_close(&tokenizer);

    tokenizer = open_edited("normalizer", "{\"type\": \"NFC\"}");
    CHECK_TOKENS(tokenizer, "e\u0301", "\xc3|\xa9");
    vkh_tokenizer_close(&tokenizer);

    tokenizer = open_edited("pre_tokenizer",
                            "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\","
                            "\"individual_digits\": true}, {\"type\": \"Split\", \"pattern\":"
                            "{\"Regex\": \"b+\"}, \"behavior\": \"Isolated\"}, {\"type\":"
                            "\"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}");
    CHECK_TOKENS(tokenizer, "a1aabcc", "a|1|aa|b|cc");
    vkh_tokenizer_close(&tokenizer);
}

static void test_missing_bytes(void)
{
    json_t *document = make_document();
    edit(document, "model.vocab.Z", NULL);
    edit(document, "model.vocab.Ċ", NULL);
    edit(document, "model.vocab.ZZ", "90");
    edit(document, "model.vocab.ZZZ", "10");
    struct vkh_tokenizer *tokenizer;
    CHECK_MSG(open_document(document, &tokenizer) == VKH_OK, "%s", last_line);
    CHECK_TOKENS(tokenizer, "aZa ZZ\n", "aa| ");
    CHECK_MSG(strstr(last_line, "4 bytes"), "%s", last_line);
    vkh_tokenizer_close(&tokenizer);

    document = make_document();
    edit(document, "model.vocab.Z", NULL);
    edit(document, "model.vocab.ZZ", "90");
    edit(document, "model.unk_token", "\"!\"");
    edit(document, "model.fuse_unk", "true");
    CHECK_MSG(open_document(document, &tokenizer) == VKH_OK, "%s", last_line);
    CHECK_TOKENS(tokenizer, "aZZa Z", "a|!|a| |!");
    vkh_tokenizer_close(&tokenizer);
}

static void test_hostile_texts(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"a\x80", "byte 1 "},  // a continuation alone
        {"ab\xc3", "byte 2 "}, // ends inside a character
        {"ab\xe2\x82", "byte 2 "},
        {"\xc0\xaf", "byte 0 "}, // overlong
        {"a\xe0\x80\xaf", "byte 1 "},
        {"a\xf0\x80\x80\xaf", "byte 1 "},
        {"abc\xed\xa0\x80", "byte 3 "},  // a surrogate
        {"\xf4\x90\x80\x80", "byte 0 "}, // beyond U+10FFFF
        {"a\xff", "byte 1 "},
        {"a\xfe\xff", "byte 1 "},
        {"\xc3\x28", "byte 0 "}, // a start without its continuation
    };
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    int32_t dummy = 0, *ids = &dummy;
    uint64_t n_ids = 1;
    for (size_t i = 0; i < VKH_COUNTOF(bad); i++) {
        CHECK(vkh_tokenizer_encode(tokenizer, bad[i].text, strlen(bad[i].text), &ids, &n_ids) ==
                  VKH_ERR_FORMAT &&
              !ids && n_ids == 0);
        CHECK_MSG(strstr(last_line, bad[i].want), "%zu: %s", i, last_line);
    }
    CHECK(vkh_tokenizer_encode(tokenizer, NULL, 0, &ids, &n_ids) == VKH_OK && ids && n_ids == 0);
    vkh_ids_free(&ids);
    CHECK(ids == NULL);
    CHECK(vkh_tokenizer_encode(tokenizer, "a\0b\0", 4, &ids, &n_ids) == VKH_OK && n_ids == 4 &&
          ids[0] == 'a' && ids[1] == 0 && ids[2] == 'b' && ids[3] == 0);
    vkh_ids_free(&ids);
    static const char *const fills[] = {"a", " ", "<", "\n", "<s>", " <l>"};
    const size_t size = 1000000;
    char *text = malloc(size + 8);
    for (size_t i = 0; i < VKH_COUNTOF(fills) && text; i++) {
        const size_t length = strlen(fills[i]), bytes = size / length * length;
        for (size_t at = 0; at < bytes; at += length)
            memcpy(text + at, fills[i], length);
        CHECK(vkh_tokenizer_encode(tokenizer, text, bytes, &ids, &n_ids) == VKH_OK);
        const uint64_t want = fills[i][0] == 'a' ? size / 4 : size / length;
        CHECK_MSG(n_ids == want, "%s: %" PRIu64 " ids", fills[i], n_ids);
        vkh_ids_free(&ids);
    }
    free(text);
    vkh_tokenizer_close(&tokenizer);
}

// An expression that needs exponential time must end, with a message.
static void test_hostile_pattern(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(
        "pre_tokenizer",
        "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\":"
        "{\"Regex\": \"(a|aa)+c\"}, \"behavior\": \"Isolated\"}, {\"type\": \"ByteLevel\","
        "\"use_regex\": false}]}");
    char text[200];
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 3, " bc", 3);
    int32_t *ids;
    uint64_t n_ids;
    CHECK(vkh_tokenizer_encode(tokenizer, text, sizeof(text), &ids, &n_ids) == VKH_ERR_UNSUPPORTED);
    CHECK_MSG(strstr(last_line, "near byte 0"), "%s", last_line);
    vkh_tokenizer_close(&tokenizer);
}

static void test_refusals(void)
{
    static const struct {
        const char *path, *value;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {"model", NULL, VKH_ERR_FORMAT, "model"},
        {"model.type", "\"Unigram\"", VKH_ERR_UNSUPPORTED, "model.type: Unigram"},
        {"model.type", "\"a\\nb\"", VKH_ERR_UNSUPPORTED, "model.type: (not printable)"},
        {"model.dropout", "0.1", VKH_ERR_UNSUPPORTED, "model.dropout"},
        {"model.byte_fallback", "true", VKH_ERR_UNSUPPORTED, "model.byte_fallback"},
        {"model.end_of_word_suffix", "\"</w>\"", VKH_ERR_UNSUPPORTED, "end_of_word_suffix"},
        {"model.new_thing", "1", VKH_ERR_UNSUPPORTED, "model.new_thing"},
        {"model.ignore_merges", "1", VKH_ERR_FORMAT, "model.ignore_merges"},
        {"model.unk_token", "\"nobody\"", VKH_ERR_FORMAT, "model.unk_token"},
        {"model.vocab", "[]", VKH_ERR_FORMAT, "model.vocab"},
        {"model.vocab", "{}", VKH_ERR_FORMAT, "model.merges[0]"},
        {"model.vocab.aaa", "\"x\"", VKH_ERR_FORMAT, "model.vocab"},
        {"model.vocab.aaa", "-1", VKH_ERR_FORMAT, "model.vocab: id -1"},
        {"model.vocab.aaa", "100000", VKH_ERR_FORMAT, "model.vocab: id 100000"},
        {"model.vocab.aaa", "4294967297", VKH_ERR_FORMAT, "model.vocab: id 4294967297"},
        {"model.vocab.aaa", "0", VKH_ERR_FORMAT, "two tokens have id 0"},
        {"model.vocab.aaa", NULL, VKH_ERR_FORMAT, "model.merges[2]: the merged token"},
        {"model.vocab.b", NULL, VKH_ERR_FORMAT, "model.merges[1]: the left token"},
        {"model.merges", "{}", VKH_ERR_FORMAT, "model.merges"},
        {"model.merges.1", "\"ab\"", VKH_ERR_FORMAT, "model.merges[1]: not two"},
        {"model.merges.1", "\"a b c\"", VKH_ERR_FORMAT, "model.merges[1]: not two"},
        {"model.merges.1", "[\"a\"]", VKH_ERR_FORMAT, "model.merges[1]: not two"},
        {"model.merges.1", "[\"a\", 1]", VKH_ERR_FORMAT, "model.merges[1]: not two"},
        {"model.merges.1", "\"b d\"", VKH_ERR_FORMAT, "model.merges[1]: the merged token"},
        {"model.merges.1", "\"a a\"", VKH_ERR_FORMAT, "model.merges[1]: the same pair as in [0]"},
        {"added_tokens", "{}", VKH_ERR_FORMAT, "added_tokens"},
        {"added_tokens.0", "7", VKH_ERR_FORMAT, "added_tokens[0].content"},
        {"added_tokens.1.id", "265", VKH_ERR_FORMAT, "two tokens have id 265"},
        {"added_tokens.1.id", "999", VKH_ERR_FORMAT, "added_tokens[1]: id 999"},
        {"added_tokens.1.content", "\"<s>\"", VKH_ERR_FORMAT, "same text"},
        {"added_tokens.1.content", "\"\"", VKH_ERR_FORMAT, "0 bytes"},
        {"added_tokens.1.content", "\"abc\"", VKH_ERR_FORMAT, "added_tokens[1].id"},
        {"added_tokens.1.single_word", "true", VKH_ERR_UNSUPPORTED, "added_tokens[1].single_word"},
        {"normalizer", "{\"type\": \"NFKC\"}", VKH_ERR_UNSUPPORTED, "normalizer: NFKC"},
        {"normalizer", "{}", VKH_ERR_FORMAT, "normalizer.type"},
        {"pre_tokenizer", "null", VKH_ERR_UNSUPPORTED, "pre_tokenizer"},
        {"pre_tokenizer.type", "\"Metaspace\"", VKH_ERR_UNSUPPORTED, "pre_tokenizer: Metaspace"},
        {"pre_tokenizer",
         "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": "
         "\"Digits\"}]}",
         VKH_ERR_UNSUPPORTED, "pre_tokenizer.pretokenizers[1]: Digits"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Removed\"}",
         VKH_ERR_UNSUPPORTED, "behavior"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a*\"}, \"behavior\": \"Isolated\"}",
         VKH_ERR_UNSUPPORTED, "pattern.Regex: it can match nothing"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a**\"}, \"behavior\": \"Isolated\"}",
         VKH_ERR_UNSUPPORTED, "pattern.Regex"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Isolated\"}",
         VKH_ERR_UNSUPPORTED, "pattern.Regex"},
        {"post_processor", "{\"type\": \"RobertaProcessing\"}", VKH_ERR_UNSUPPORTED,
         "post_processor: RobertaProcessing"},
        {"post_processor",
         "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {}}, {\"SpecialToken\": "
         "{\"id\": \"E\"}}]}",
         VKH_ERR_UNSUPPORTED, "post_processor.single"},
        {"post_processor",
         "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"B\"}}, "
         "{\"Sequence\": {}}], \"special_tokens\": {\"B\": {\"ids\": [269]}}}",
         VKH_ERR_FORMAT, "post_processor.special_tokens: 269 is outside"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        json_t *document = make_document();
        edit(document, cases[i].path, cases[i].value);
        struct vkh_tokenizer *tokenizer;
        const enum vkh_status status = open_document(document, &tokenizer);
        CHECK_MSG(status == cases[i].status && strstr(last_line, cases[i].message),
                  "%s = %s: status %d, %s", cases[i].path, cases[i].value, (int)status, last_line);
        vkh_tokenizer_close(&tokenizer);
    }
    struct vkh_tokenizer *tokenizer;
    CHECK(open_content("", 0, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(open_content("[1]", 3, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(open_content("{\"a\": 1, \"a\": 2}", 16, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(vkh_tokenizer_open("/nonexistent/x", &log_to_memory, &tokenizer) == VKH_ERR_IO);
    CHECK(vkh_tokenizer_open("/tmp", NULL, &tokenizer) == VKH_ERR_IO && !tokenizer);
}

static void *encode_often(void *user)
{
    static const char text[] = "aab abc <s> aaaa 12 b\u00e9c abcabc";
    uint64_t sum = 0;
    for (int i = 0; i < 2000; i++) {
        int32_t *ids;
        uint64_t n_ids;
        if (vkh_tokenizer_encode(user, text, sizeof(text) - 1, &ids, &n_ids) != VKH_OK)
            return NULL;
        for (uint64_t k = 0; k < n_ids; k++)
            sum += (k + 1) * (uint64_t)ids[k];
        vkh_ids_free(&ids);
    }
    return (void *)(uintptr_t)sum;
}

static void test_threads(void)
{
    struct vkh_tokenizer *tokenizer = open_edited(NULL, NULL);
    const void *want = encode_often(tokenizer);
    pthread_t threads[4];
    for (size_t i = 0; i < VKH_COUNTOF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, encode_often, tokenizer) == 0);
    for (size_t i = 0; i < VKH_COUNTOF(threads); i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        CHECK(sum == want && sum);
    }
    vkh_tokenizer_close(&tokenizer);
}

int main(void)
{
    test_bytes();
    test_words();
    test_against_definition();
    test_added();
    test_parts();
    test_missing_bytes();
    test_hostile_texts();
    test_hostile_pattern();
    test_refusals();
    test_threads();
    return check_result();
}
