// SPDX-License-Identifier: MIT
// The tokenizer from a GGUF's metadata: 256 bytes, two merges, three special tokens.
#include "base/size.h"
#include "gguf_test.h"
#include "model/vocab.h"
#include "tokenizer_test.h"

enum { N_TOKENS = 261, CONTROL = 258, USER_DEFINED = 259, UNUSED = 260 };

// What differs from a good file; zeroed: nothing.
struct fault {
    const char *omit;        // a key that is absent
    const char *model, *pre; // other values
    const char *token;       // instead of the control token
    const char *merge;       // instead of the second
    uint32_t type;           // of the control token
    uint32_t bos;            // an id
    uint32_t n_types;
    int add_bos, add_eos, add_space; // 0: absent, 1: false, 2: true
    uint32_t n_parts;                // of the model; this is the first
};

static bool begin(struct writer *w, const struct fault *fault, const char *key,
                  enum vkh_gguf_type type)
{
    if (fault->omit && strcmp(fault->omit, key) == 0)
        return false;
    put_key(w, key, type);
    return true;
}

static void put_text(struct writer *w, const struct fault *fault, const char *key,
                     const char *value)
{
    if (begin(w, fault, key, VKH_GGUF_STRING))
        put_string(w, value, strlen(value));
}

static void put_flag(struct writer *w, const struct fault *fault, const char *key, int flag)
{
    if (flag > 0 && begin(w, fault, key, VKH_GGUF_BOOL))
        put_number(w, (uint64_t)flag - 1, 1);
}

static void put_tokens(struct writer *w, const struct fault *fault)
{
    static const char *const rest[] = {"ab", "abc", "<s>", "<user>", "[PAD]"};
    if (begin(w, fault, "tokenizer.ggml.tokens", VKH_GGUF_ARRAY)) {
        put_number(w, VKH_GGUF_STRING, 4);
        put_number(w, N_TOKENS, 8);
        for (unsigned id = 0; id < N_TOKENS; id++) {
            char spelled[2];
            const char *text = id < 256 ? spelled : rest[id - 256];
            size_t length = id < 256 ? vkh_byte_spell((uint8_t)id, spelled) : strlen(text);
            if (id == CONTROL && fault->token) {
                text = fault->token;
                length = strlen(text);
            }
            put_string(w, text, length);
        }
    }
    if (begin(w, fault, "tokenizer.ggml.token_type", VKH_GGUF_ARRAY)) {
        const uint32_t n = fault->n_types ? fault->n_types : N_TOKENS;
        put_number(w, VKH_GGUF_I32, 4);
        put_number(w, n, 8);
        for (unsigned id = 0; id < n; id++)
            put_number(w,
                       id == CONTROL        ? (fault->type ? fault->type : 3)
                       : id == USER_DEFINED ? 4
                       : id == UNUSED       ? 5
                                            : 1,
                       4);
    }
}

static struct writer w;

static void write_all(const struct fault *fault)
{
    put_header(&w);
    put_text(&w, fault, "tokenizer.ggml.model", fault->model ? fault->model : "gpt2");
    put_text(&w, fault, "tokenizer.ggml.pre", fault->pre ? fault->pre : "gpt-2");
    put_tokens(&w, fault);
    if (begin(&w, fault, "tokenizer.ggml.merges", VKH_GGUF_ARRAY)) {
        const char *second = fault->merge ? fault->merge : "ab c";
        put_number(&w, VKH_GGUF_STRING, 4);
        put_number(&w, 2, 8);
        put_string(&w, "a b", 3);
        put_string(&w, second, strlen(second));
    }
    if (begin(&w, fault, "tokenizer.ggml.bos_token_id", VKH_GGUF_U32))
        put_number(&w, fault->bos ? fault->bos : CONTROL, 4);
    put_flag(&w, fault, "tokenizer.ggml.add_bos_token", fault->add_bos);
    put_flag(&w, fault, "tokenizer.ggml.add_eos_token", fault->add_eos);
    put_flag(&w, fault, "tokenizer.ggml.add_space_prefix", fault->add_space);
    if (fault->n_parts)
        put_pair_u32(&w, "split.count", fault->n_parts);
    put_counts(&w, 0, w.n_pairs);
}

static enum vkh_status open_with(const struct fault *fault, struct vkh_tokenizer **tokenizer)
{
    write_all(fault);
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
    check_tokens((struct fault){0}, "abcab c", "abc|ab| |c");
    check_tokens((struct fault){0}, "a<s>b<user>[PAD]", "a|<s>|b|<user>|[|P|A|D|]");
    check_tokens((struct fault){.type = 2}, "<s>", "<s>");
    check_tokens((struct fault){.type = 1}, "<s>", "<|s|>");
    check_tokens((struct fault){.add_bos = 2}, "ab", "<s>|ab");
    check_tokens((struct fault){.add_bos = 2}, "", "<s>");
    check_tokens((struct fault){.add_bos = 1}, "ab", "ab");
    check_tokens((struct fault){.pre = "llama-bpe"}, "ab", "<s>|ab");
    check_tokens((struct fault){.pre = "llama3", .add_bos = 1}, "ab", "ab");
    check_tokens((struct fault){.omit = "tokenizer.ggml.bos_token_id"}, "ab", "ab");
    check_tokens((struct fault){.add_space = 2}, "ab", " |ab");
    check_tokens((struct fault){.pre = "qwen2"}, "e\u0301", "\xc3|\xa9");
    check_tokens((struct fault){.merge = "1 2", .token = "12", .type = 1}, "12", "12");
    check_tokens((struct fault){.merge = "1 2", .token = "12", .type = 1, .pre = "smollm"}, "12",
                 "1|2");
    check_tokens((struct fault){.pre = "gpt-2"}, "e\u0301", "e|\xcc|\x81");
}

static void test_refusals(void)
{
    static const struct {
        struct fault fault;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {{.omit = "tokenizer.ggml.model"}, VKH_ERR_FORMAT, "tokenizer.ggml.model: absent"},
        {{.model = "bert"}, VKH_ERR_UNSUPPORTED, "tokenizer.ggml.model"},
        {{.omit = "tokenizer.ggml.pre"}, VKH_ERR_UNSUPPORTED, "tokenizer.ggml.pre: absent"},
        {{.pre = "default"}, VKH_ERR_UNSUPPORTED, "tokenizer.ggml.pre"},
        {{.omit = "tokenizer.ggml.tokens"}, VKH_ERR_FORMAT, "for 0 tokens"},
        {{.omit = "tokenizer.ggml.token_type"}, VKH_ERR_FORMAT, "token_type: 0 types"},
        {{.n_types = 260}, VKH_ERR_FORMAT, "token_type: 260 types"},
        {{.type = 6}, VKH_ERR_UNSUPPORTED, "token_type[258]: 6"},
        {{.type = -1u}, VKH_ERR_UNSUPPORTED, "token_type[258]: -1"},
        {{.token = "abc"}, VKH_ERR_FORMAT, "tokenizer.ggml.tokens: tokens 257 and 258"},
        {{.token = ""}, VKH_ERR_FORMAT, "tokenizer.ggml.tokens: token 258 has 0 bytes"},
        {{.token = "<\xff>"}, VKH_ERR_FORMAT, "tokenizer.ggml.tokens[258]: not UTF-8"},
        {{.omit = "tokenizer.ggml.merges"}, VKH_ERR_FORMAT, "tokenizer.ggml.merges: absent"},
        {{.merge = "abc"}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: not two"},
        {{.merge = "a b c"}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: not two"},
        {{.merge = ""}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: not two"},
        {{.merge = "a "}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: the right token"},
        {{.merge = "b c"}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: the merged token"},
        {{.merge = "a b"}, VKH_ERR_FORMAT, "tokenizer.ggml.merges[1]: the same pair"},
        {{.add_bos = 2, .bos = N_TOKENS}, VKH_ERR_FORMAT, "bos_token_id: 261 is outside"},
        {{.add_bos = 2, .omit = "tokenizer.ggml.bos_token_id"},
         VKH_ERR_FORMAT,
         "bos_token_id: absent"},
        {{.add_eos = 2}, VKH_ERR_UNSUPPORTED, "tokenizer.ggml.add_eos_token"},
        {{.add_bos = 3}, VKH_ERR_FORMAT, "tokenizer.ggml.add_bos_token"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        struct vkh_tokenizer *tokenizer;
        const enum vkh_status status = open_with(&cases[i].fault, &tokenizer);
        CHECK_MSG(status == cases[i].status && strstr(last_line, cases[i].message),
                  "case %zu: status %d, %s, not %s", i, (int)status, last_line, cases[i].message);
        vkh_tokenizer_close(&tokenizer);
    }
    struct vkh_tokenizer *tokenizer;
    CHECK(open_content("GGUF", 4, &tokenizer) == VKH_ERR_FORMAT);
}

static void write_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(w.data, 1, w.size, file) == w.size);
    if (file)
        fclose(file);
}

// The vocabulary is the first file's, whichever of a split model's is named.
static void test_parts(void)
{
    char folder[] = "/tmp/vkhrope-tokenizer-XXXXXX", first[64], second[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(first, sizeof(first), "%s/m-00001-of-00002.gguf", folder);
    snprintf(second, sizeof(second), "%s/m-00002-of-00002.gguf", folder);
    write_all(&(struct fault){.n_parts = 2});
    write_file(first);
    put_header(&w);
    put_pair_u32(&w, "split.no", 1);
    put_pair_u32(&w, "split.count", 2);
    put_counts(&w, 0, w.n_pairs);
    write_file(second);
    struct vkh_tokenizer *tokenizer;
    CHECK_MSG(vkh_tokenizer_open(second, &log_to_memory, &tokenizer) == VKH_OK, "%s", last_line);
    if (tokenizer)
        CHECK_TOKENS(tokenizer, "abcab", "abc|ab");
    vkh_tokenizer_close(&tokenizer);
    CHECK(unlink(first) == 0);
    CHECK(vkh_tokenizer_open(second, &log_to_memory, &tokenizer) == VKH_ERR_IO);
    CHECK_MSG(strstr(last_line, first), "%s", last_line);
    CHECK(unlink(second) == 0 && rmdir(folder) == 0);
}

int main(void)
{
    test_good();
    test_parts();
    test_refusals();
    return check_result();
}
