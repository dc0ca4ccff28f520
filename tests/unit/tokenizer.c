// SPDX-License-Identifier: MIT
// What the tokenizer makes of texts, from a tokenizer.json.
#include <pthread.h>

#include "tokenizer_json_test.h"

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
    test_threads();
    return check_result();
}
