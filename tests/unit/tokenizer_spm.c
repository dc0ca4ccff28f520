// SPDX-License-Identifier: MIT
// SentencePiece's tokenizer from a GGUF's metadata: merging by score, bytes for what is unknown,
// spaces, and what is refused.
#include <math.h>

#include "base/size.h"
#include "gguf_test.h"
#include "tokenizer_test.h"

#define MARK "\xe2\x96\x81"

struct token {
    const char *text;
    float score;
    uint32_t type;
};

static const struct token usual[] = {
    {"<unk>", 0, 2},     {"<s>", 0, 3},     {"a", -20, 1},      {"b", -21, 1},   {"c", -22, 1},
    {MARK, -23, 1},      {"ab", -1, 1},     {"bc", -1, 1},      {"aa", -2, 1},   {"aab", -3, 1},
    {"abc", -0.5f, 1},   {MARK "a", -4, 1}, {MARK "ab", -5, 1}, {"cc", -6, 1},   {"ca", -6, 1},
    {"b" MARK, -7, 1},   {"zz", -8, 1},     {MARK MARK, 0, 4},  {"<tag>", 0, 4}, {"  ! ", 0, 4},
    {"[PAD]", -1000, 5},
};
enum { N_USUAL = VKH_COUNTOF(usual) };

// What differs from the usual file; zeroed: nothing.
struct fault {
    const char *omit;              // a key that is absent
    struct token token;            // instead of number `at`
    uint32_t at, n_scores;         // 0: as many as tokens
    bool bytes;                    // 256 byte tokens behind the usual ones
    int prefix, collapse, charmap; // 0: absent, 1: false, 2: true
    uint32_t unknown;
};

static bool begin(struct writer *w, const struct fault *fault, const char *key,
                  enum vkh_gguf_type type)
{
    if (fault->omit && strcmp(fault->omit, key) == 0)
        return false;
    put_key(w, key, type);
    return true;
}

static struct token token_of(const struct fault *fault, uint32_t id, char name[8])
{
    if (fault->token.text && id == fault->at)
        return fault->token;
    if (id < N_USUAL)
        return usual[id];
    snprintf(name, 8, "<0x%02X>", (id - N_USUAL) & 255);
    return (struct token){name, 0, 6};
}

static void put_arrays(struct writer *w, const struct fault *fault)
{
    const uint32_t n = N_USUAL + (fault->bytes ? 256 : 0);
    const uint32_t n_scores = fault->n_scores ? fault->n_scores : n;
    char name[8];
    put_key(w, "tokenizer.ggml.tokens", VKH_GGUF_ARRAY);
    put_number(w, VKH_GGUF_STRING, 4);
    put_number(w, n, 8);
    for (uint32_t id = 0; id < n; id++) {
        const char *text = token_of(fault, id, name).text;
        put_string(w, text, strlen(text));
    }
    put_key(w, "tokenizer.ggml.token_type", VKH_GGUF_ARRAY);
    put_number(w, VKH_GGUF_I32, 4);
    put_number(w, n, 8);
    for (uint32_t id = 0; id < n; id++)
        put_number(w, token_of(fault, id, name).type, 4);
    if (!begin(w, fault, "tokenizer.ggml.scores", VKH_GGUF_ARRAY))
        return;
    put_number(w, VKH_GGUF_F32, 4);
    put_number(w, n_scores, 8);
    for (uint32_t id = 0; id < n_scores; id++)
        put(w, &(float){token_of(fault, id, name).score}, 4);
}

static void put_flag(struct writer *w, const char *key, int flag)
{
    if (flag == 0)
        return;
    put_key(w, key, VKH_GGUF_BOOL);
    put_number(w, (uint64_t)flag - 1, 1);
}

static enum vkh_status open_with(const struct fault *fault, struct vkh_tokenizer **tokenizer)
{
    static struct writer w;
    put_header(&w);
    put_pair_text(&w, "tokenizer.ggml.model", "llama");
    put_arrays(&w, fault);
    put_flag(&w, "tokenizer.ggml.add_space_prefix", fault->prefix);
    put_flag(&w, "tokenizer.ggml.remove_extra_whitespaces", fault->collapse);
    put_flag(&w, "tokenizer.ggml.precompiled_charsmap", fault->charmap);
    put_flag(&w, "tokenizer.ggml.add_bos_token", 1);
    if (fault->unknown)
        put_pair_u32(&w, "tokenizer.ggml.unknown_token_id", fault->unknown);
    put_counts(&w, 0, w.n_pairs);
    return open_content(w.data, w.size, tokenizer);
}

static void check_tokens(struct fault fault, const char *text, const char *want)
{
    struct vkh_tokenizer *tokenizer;
    CHECK_MSG(open_with(&fault, &tokenizer) == VKH_OK, "%s", last_line);
    if (tokenizer)
        CHECK_TOKENS(tokenizer, text, want);
    vkh_tokenizer_close(&tokenizer);
}

static void test_good(void)
{
    const struct fault bare = {.prefix = 1}, bytes = {.prefix = 1, .bytes = true};
    check_tokens((struct fault){0}, "", "");
    check_tokens((struct fault){0}, "abc", " |abc");
    check_tokens((struct fault){0}, "aa", " |aa");
    check_tokens((struct fault){0}, "ab", " ab");
    check_tokens(bare, "abc aab", "abc| |aab");
    check_tokens(bare, "bcab", "bc|ab"); // a tie: the leftmost
    check_tokens(bare, "cca", "cc|a");
    check_tokens(bare, "a" MARK "b", "a| |b");
    // Unknown characters are one token, but not where a token takes one in.
    check_tokens(bare, "xyabéz", "<unk>|ab|<unk>");
    check_tokens(bare, "zza", "zz|a");
    check_tokens(bare, "xzzy", "<unk>|zz|<unk>");
    check_tokens(bytes, "xé", "x|\xc3|\xa9");
    check_tokens(bytes, "<0x41>", "<|0|x|4|1|>");
    check_tokens((struct fault){.prefix = 1, .unknown = 2}, "x", "a");
    // User-defined tokens come first and merge with nothing; special ones are found in any text.
    check_tokens(bare, "a   ab", "a|  | ab");
    check_tokens(bare, "ab<tag>c", "ab|<tag>|c");
    check_tokens(bare, "a  ! c", "a|  ! |c");
    check_tokens(bare, "b<s> a<unk>", "b|<s>| a|<unk>");
    check_tokens((struct fault){0}, "b<s>a", " |b|<s>| a");
    check_tokens(bytes, "[PAD]", "[|P|A|D|]");
    // White space as SentencePiece collapses it.
    check_tokens((struct fault){.collapse = 2}, "  ab   c ", " ab| |c");
    check_tokens((struct fault){.collapse = 2}, "   ", "");
    check_tokens((struct fault){.collapse = 2}, "ab " MARK, " ab");
    check_tokens((struct fault){.collapse = 1}, " ", "  ");
}

static uint32_t token_index(const char *text, size_t length)
{
    for (uint32_t id = 0; id < N_USUAL; id++)
        if (usual[id].type == 1 && strlen(usual[id].text) == length &&
            memcmp(usual[id].text, text, length) == 0)
            return id;
    return N_USUAL;
}

// The definition: merge the leftmost pair of the best score, until there is none. Piece i is
// text[ends[i - 1] … ends[i]).
static void naive_encode(const char *text, char *out)
{
    size_t ends[257] = {0}, n = 0;
    for (size_t at = 0; text[at]; ends[++n] = at)
        at += text[at] == MARK[0] ? 3 : 1;
    for (;;) {
        size_t best = 0;
        float score = -1e9f;
        for (size_t i = 1; i < n; i++) {
            const uint32_t id = token_index(text + ends[i - 1], ends[i + 1] - ends[i - 1]);
            if (id < N_USUAL && usual[id].score > score) {
                score = usual[id].score;
                best = i;
            }
        }
        if (best == 0)
            break;
        memmove(&ends[best], &ends[best + 1], (n - best) * sizeof(*ends));
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *out++ = '|';
        for (size_t at = ends[i]; at < ends[i + 1]; at += text[at] == MARK[0] ? 3 : 1)
            *out++ = text[at] == MARK[0] ? ' ' : text[at];
    }
    *out = '\0';
}

// Texts without two marks side by side, which would be a user-defined token.
static void test_against_definition(void)
{
    static const char *const letters[] = {"a", "b", "c", "ab", MARK "a", "b" MARK "c"};
    const struct fault bare = {.prefix = 1};
    struct vkh_tokenizer *tokenizer;
    CHECK(open_with(&bare, &tokenizer) == VKH_OK);
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char text[256] = "", want[512]; // at most 19 of 7 bytes
        for (int i = 0; i < round % 20; i++) {
            seed = seed * 1664525 + 1013904223;
            strcat(text, letters[(seed >> 16) % VKH_COUNTOF(letters)]);
        }
        naive_encode(text, want);
        CHECK_TOKENS(tokenizer, text, want);
    }
    vkh_tokenizer_close(&tokenizer);
}

static void test_long_texts(void)
{
    static const char *const fills[] = {"a", "c", " ", "é", "ab ", "b ", "<tag>", MARK};
    const struct fault fault = {.bytes = true};
    const size_t size = 300000;
    char *text = malloc(size + 8);
    struct vkh_tokenizer *tokenizer;
    CHECK(open_with(&fault, &tokenizer) == VKH_OK);
    for (size_t i = 0; i < VKH_COUNTOF(fills) && text; i++) {
        const size_t length = strlen(fills[i]), bytes = size / length * length;
        for (size_t at = 0; at < bytes; at += length)
            memcpy(text + at, fills[i], length);
        int32_t *ids;
        uint64_t n_ids, spelled = 0;
        CHECK(vkh_tokenizer_encode(tokenizer, text, bytes, &ids, &n_ids) == VKH_OK);
        for (uint64_t k = 0; k < n_ids; k++) {
            uint64_t n;
            vkh_tokenizer_bytes(tokenizer, ids[k], &n);
            spelled += n;
        }
        // A mark is a space, and there is one in front.
        const uint64_t want = (*fills[i] == MARK[0] ? bytes / 3 : bytes) + 1;
        CHECK_MSG(spelled == want, "%s: %" PRIu64 " bytes", fills[i], spelled);
        vkh_ids_free(&ids);
    }
    free(text);
    vkh_tokenizer_close(&tokenizer);
}

static void test_refusals(void)
{
    static const struct {
        struct fault fault;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {{.omit = "tokenizer.ggml.scores"}, VKH_ERR_FORMAT, "scores: 0 scores for 21 tokens"},
        {{.n_scores = 20}, VKH_ERR_FORMAT, "scores: 20 scores for 21 tokens"},
        {{.token = {"a", NAN, 1}, .at = 2}, VKH_ERR_FORMAT, "scores[2]: not a number"},
        {{.token = {"b", 0, 1}, .at = 2}, VKH_ERR_FORMAT, "tokens 2 and 3 have the same text"},
        {{.token = {"", 0, 1}, .at = 2}, VKH_ERR_FORMAT, "token 2 has 0 bytes"},
        {{.token = {"a", 0, 7}, .at = 2}, VKH_ERR_FORMAT, "token_type[2]: 7 is unknown"},
        {{.token = {"a", 0, 0}, .at = 2}, VKH_ERR_FORMAT, "token_type[2]: 0 is unknown"},
        {{.token = {"<s>", 0, 3}, .at = 2}, VKH_ERR_FORMAT, "tokens 1 and 2 have the same text"},
        {{.token = {"\xff", 0, 4}, .at = 2}, VKH_ERR_FORMAT, "tokens[2]: not UTF-8"},
        {{.token = {"<0x0g>", 0, 6}, .at = 2}, VKH_ERR_FORMAT, "tokens[2]: a byte token that"},
        {{.token = {"<0x00>", 0, 6}, .at = N_USUAL + 1, .bytes = true},
         VKH_ERR_FORMAT,
         "tokens[22]: a byte token that"},
        {{.unknown = N_USUAL}, VKH_ERR_FORMAT, "unknown_token_id: 21 is outside"},
        {{.charmap = 2}, VKH_ERR_UNSUPPORTED, "precompiled_charsmap"},
        {{.prefix = 3}, VKH_ERR_FORMAT, "add_space_prefix"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        struct vkh_tokenizer *tokenizer;
        const enum vkh_status status = open_with(&cases[i].fault, &tokenizer);
        CHECK_MSG(status == cases[i].status && strstr(last_line, cases[i].message),
                  "case %zu: status %d, %s, not %s", i, (int)status, last_line, cases[i].message);
        vkh_tokenizer_close(&tokenizer);
    }
}

int main(void)
{
    test_good();
    test_against_definition();
    test_long_texts();
    test_refusals();
    return check_result();
}
