// SPDX-License-Identifier: MIT
// What config files say of each family: with the fields and numbers of well-known models.
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "check.h"
#include "gguf_test.h"
#include "last_line.h"
#include "model/config.h"
#include "model/family.h"
#include "model/tensor.h"

// What is expected; `layers` has a letter for each of the first layers: w windowed, f full.
struct numbers {
    uint32_t head_dim, rotary_dim, window;
    const char *layers;
    double base, local_base, divisor, attention_cap, final_cap, embedding_square, norm_shift;
    bool tied;
};

static void check_numbers(const char *name, const struct vkh_config *c, const struct numbers *want)
{
    CHECK_MSG(c->head_dim == want->head_dim && c->rotary_dim == want->rotary_dim,
              "%s: heads of %u, %u rotated", name, c->head_dim, c->rotary_dim);
    CHECK_MSG(c->window == want->window, "%s: a window of %u", name, c->window);
    for (uint32_t i = 0; want->layers[i]; i++)
        CHECK_MSG(vkh_config_is_windowed(c, i) == (want->layers[i] == 'w'), "%s: layer %u", name,
                  i);
    CHECK_MSG(c->rope_base == want->base && c->local_rope_base == want->local_base,
              "%s: bases %g and %g", name, c->rope_base, c->local_rope_base);
    CHECK_MSG(fabs(c->attention_scale * sqrt(want->divisor) - 1.0) < 1e-12, "%s: scale %g", name,
              c->attention_scale);
    CHECK_MSG(c->attention_soft_cap == want->attention_cap && c->final_soft_cap == want->final_cap,
              "%s: caps %g and %g", name, c->attention_soft_cap, c->final_soft_cap);
    CHECK_MSG(fabs(c->embedding_scale * c->embedding_scale / want->embedding_square - 1.0) < 1e-12,
              "%s: embeddings times %g", name, c->embedding_scale);
    CHECK_MSG(c->norm_shift == want->norm_shift, "%s: norms plus %g", name, c->norm_shift);
    CHECK_MSG(c->tied == want->tied, "%s: tied %d", name, c->tied);
}

// What every config.json of the time had, and these have too.
#define COMMON                                                                                     \
    "\"architectures\":[\"X\"],\"bos_token_id\":1,\"eos_token_id\":2,\"initializer_range\":0.02,"  \
    "\"rms_norm_eps\":1e-5,\"torch_dtype\":\"bfloat16\",\"transformers_version\":\"4.40.0\","      \
    "\"use_cache\":true,\"attention_dropout\":0.0,"

static const struct json_case {
    const char *name, *text;
    struct numbers want;
} json_cases[] = {
    {"SmolLM2-135M",
     "{" COMMON "\"model_type\":\"llama\",\"attention_bias\":false,\"hidden_act\":\"silu\","
     "\"hidden_size\":576,\"intermediate_size\":1536,\"is_llama_config\":true,\"mlp_bias\":false,"
     "\"max_position_embeddings\":8192,\"num_attention_heads\":9,\"num_hidden_layers\":30,"
     "\"num_key_value_heads\":3,\"pretraining_tp\":1,\"rope_interleaved\":false,"
     "\"rope_scaling\":null,\"rope_theta\":100000,\"tie_word_embeddings\":true,"
     "\"vocab_size\":49152}",
     {64, 64, 0, "", 100000, 0, 64, 0, 0, 1, 0, true}},
    {"Mistral-7B-v0.1",
     "{" COMMON "\"model_type\":\"mistral\",\"hidden_act\":\"silu\",\"hidden_size\":4096,"
     "\"intermediate_size\":14336,\"max_position_embeddings\":32768,\"num_attention_heads\":32,"
     "\"num_hidden_layers\":32,\"num_key_value_heads\":8,\"rope_theta\":10000.0,"
     "\"sliding_window\":4096,\"tie_word_embeddings\":false,\"vocab_size\":32000}",
     {128, 128, 4096, "www", 10000, 0, 128, 0, 0, 1, 0, false}},
    {"Mistral-7B-v0.3",
     "{" COMMON "\"model_type\":\"mistral\",\"hidden_act\":\"silu\",\"hidden_size\":4096,"
     "\"intermediate_size\":14336,\"max_position_embeddings\":32768,\"num_attention_heads\":32,"
     "\"num_hidden_layers\":32,\"num_key_value_heads\":8,\"rope_theta\":1000000.0,"
     "\"sliding_window\":null,\"tie_word_embeddings\":false,\"vocab_size\":32768}",
     {128, 128, 0, "", 1000000, 0, 128, 0, 0, 1, 0, false}},
    {"Qwen2.5-7B",
     "{" COMMON "\"model_type\":\"qwen2\",\"hidden_act\":\"silu\",\"hidden_size\":3584,"
     "\"intermediate_size\":18944,\"max_position_embeddings\":131072,\"max_window_layers\":28,"
     "\"num_attention_heads\":28,\"num_hidden_layers\":28,\"num_key_value_heads\":4,"
     "\"rope_theta\":1000000.0,\"sliding_window\":131072,\"tie_word_embeddings\":false,"
     "\"use_mrope\":false,\"use_sliding_window\":false,\"vocab_size\":152064}",
     {128, 128, 0, "ff", 1000000, 0, 128, 0, 0, 1, 0, false}},
    {"Qwen2 with a window",
     "{" COMMON "\"model_type\":\"qwen2\",\"hidden_act\":\"silu\",\"hidden_size\":64,"
     "\"intermediate_size\":64,\"max_position_embeddings\":1024,\"max_window_layers\":2,"
     "\"num_attention_heads\":4,\"num_hidden_layers\":4,\"num_key_value_heads\":4,"
     "\"rope_theta\":10000,\"sliding_window\":128,\"tie_word_embeddings\":false,"
     "\"use_sliding_window\":true,\"vocab_size\":100}",
     {16, 16, 128, "ffww", 10000, 0, 16, 0, 0, 1, 0, false}},
    {"Qwen3-0.6B",
     "{" COMMON "\"model_type\":\"qwen3\",\"attention_bias\":false,\"head_dim\":128,"
     "\"hidden_act\":\"silu\",\"hidden_size\":1024,\"intermediate_size\":3072,"
     "\"max_position_embeddings\":40960,\"max_window_layers\":28,\"num_attention_heads\":16,"
     "\"num_hidden_layers\":28,\"num_key_value_heads\":8,\"rope_scaling\":null,"
     "\"rope_theta\":1000000,\"sliding_window\":null,\"tie_word_embeddings\":true,"
     "\"use_sliding_window\":false,\"vocab_size\":151936}",
     {128, 128, 0, "ff", 1000000, 0, 128, 0, 0, 1, 0, true}},
    {"gemma-2-27b",
     "{" COMMON "\"model_type\":\"gemma2\",\"attention_bias\":false,\"head_dim\":128,"
     "\"attn_logit_softcapping\":50.0,\"cache_implementation\":\"hybrid\","
     "\"final_logit_softcapping\":30.0,\"hidden_act\":\"gelu_pytorch_tanh\","
     "\"hidden_activation\":\"gelu_pytorch_tanh\",\"hidden_size\":4608,"
     "\"intermediate_size\":36864,\"max_position_embeddings\":8192,\"num_attention_heads\":32,"
     "\"num_hidden_layers\":46,\"num_key_value_heads\":16,\"pad_token_id\":0,"
     "\"query_pre_attn_scalar\":144,\"rope_theta\":10000.0,\"sliding_window\":4096,"
     "\"vocab_size\":256000,\"_attn_implementation\":\"eager\"}",
     {128, 128, 4096, "wfwf", 10000, 0, 144, 50, 30, 4608, 1, true}},
    {"gemma-3-1b",
     "{" COMMON "\"model_type\":\"gemma3_text\",\"attention_bias\":false,\"head_dim\":256,"
     "\"attn_logit_softcapping\":null,\"cache_implementation\":\"hybrid\","
     "\"final_logit_softcapping\":null,\"hidden_activation\":\"gelu_pytorch_tanh\","
     "\"hidden_size\":1152,\"intermediate_size\":6912,\"max_position_embeddings\":32768,"
     "\"num_attention_heads\":4,\"num_hidden_layers\":26,\"num_key_value_heads\":1,"
     "\"pad_token_id\":0,\"query_pre_attn_scalar\":256,\"rope_local_base_freq\":10000,"
     "\"rope_scaling\":null,\"rope_theta\":1000000,\"sliding_window\":512,"
     "\"sliding_window_pattern\":6,\"vocab_size\":262144}",
     {256, 256, 512, "wwwwwfwwwwwf", 1000000, 10000, 256, 0, 0, 1152, 1, true}},
    {"Phi-3-mini-4k",
     "{" COMMON "\"model_type\":\"phi3\",\"attention_bias\":false,\"embd_pdrop\":0.0,"
     "\"auto_map\":{\"AutoConfig\":\"x\"},\"hidden_act\":\"silu\",\"hidden_size\":3072,"
     "\"intermediate_size\":8192,\"max_position_embeddings\":4096,\"num_attention_heads\":32,"
     "\"num_hidden_layers\":32,\"num_key_value_heads\":32,"
     "\"original_max_position_embeddings\":4096,\"pad_token_id\":32000,\"resid_pdrop\":0.0,"
     "\"rope_scaling\":null,\"rope_theta\":10000.0,\"sliding_window\":2047,"
     "\"tie_word_embeddings\":false,\"vocab_size\":32064}",
     {96, 96, 2047, "ww", 10000, 0, 96, 0, 0, 1, 0, false}},
    {"Phi-4-mini's heads",
     "{" COMMON "\"model_type\":\"phi3\",\"hidden_act\":\"silu\",\"hidden_size\":3072,"
     "\"intermediate_size\":8192,\"max_position_embeddings\":4096,\"num_attention_heads\":24,"
     "\"num_hidden_layers\":32,\"num_key_value_heads\":8,\"partial_rotary_factor\":0.75,"
     "\"rope_theta\":10000.0,\"sliding_window\":null,\"tie_word_embeddings\":true,"
     "\"vocab_size\":200064}",
     {128, 96, 0, "", 10000, 0, 128, 0, 0, 1, 0, true}},
};

static void test_json(const struct json_case *test)
{
    char path[] = "/tmp/vkhrope-family-XXXXXX";
    const int file = mkstemp(path);
    const size_t length = strlen(test->text);
    CHECK(file >= 0 && write(file, test->text, length) == (ssize_t)length && close(file) == 0);
    struct vkh_arena arena = {0};
    struct vkh_config config;
    const struct vkh_family *family;
    const enum vkh_status status =
        vkh_config_from_json(path, &log_to_line, &arena, &config, &family);
    CHECK_MSG(status == VKH_OK, "%s: %s", test->name, last_line);
    if (status == VKH_OK)
        check_numbers(test->name, &config, &test->want);
    vkh_arena_fini(&arena);
    unlink(path);
}

// What a GGUF says beside the counts that all have.
struct gguf_case {
    const char *architecture;
    uint32_t n_layers, window, period; // 0: absent
    const char *list;                  // of truth values: w windowed
    double scale, local_base;          // 0: absent
    enum vkh_status status;
    const char *message;
    struct numbers want;
};

static void put_field(struct writer *w, const struct gguf_case *test, const char *name,
                      enum vkh_gguf_type type)
{
    char key[128];
    snprintf(key, sizeof(key), "%s.%s", test->architecture, name);
    put_key(w, key, type);
}

static void put_count(struct writer *w, const struct gguf_case *test, const char *name,
                      uint32_t value)
{
    if (value == 0)
        return;
    put_field(w, test, name, VKH_GGUF_U32);
    put_number(w, value, 4);
}

static void put_real(struct writer *w, const struct gguf_case *test, const char *name, double value)
{
    if (value == 0)
        return;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_field(w, test, name, VKH_GGUF_F64);
    put_number(w, bits, 8);
}

static void write_gguf(struct writer *w, const struct gguf_case *test)
{
    put_header(w);
    put_pair_text(w, "general.architecture", test->architecture);
    put_count(w, test, "block_count", test->n_layers);
    put_count(w, test, "embedding_length", 4608);
    put_count(w, test, "attention.head_count", 32);
    put_count(w, test, "attention.key_length", 128);
    put_count(w, test, "feed_forward_length", 64);
    put_count(w, test, "vocab_size", 100);
    put_count(w, test, "context_length", 8192);
    put_count(w, test, "attention.sliding_window", test->window);
    put_count(w, test, "attention.sliding_window_pattern", test->period);
    put_real(w, test, "attention.layer_norm_rms_epsilon", 1e-6);
    put_real(w, test, "attention.scale", test->scale);
    put_real(w, test, "rope.freq_base_swa", test->local_base);
    if (test->list) {
        put_field(w, test, "attention.sliding_window_pattern", VKH_GGUF_ARRAY);
        put_number(w, VKH_GGUF_BOOL, 4);
        put_number(w, strlen(test->list), 8);
        for (const char *layer = test->list; *layer; layer++)
            put_number(w, *layer == 'w', 1);
    }
    put_counts(w, 0, w->n_pairs);
}

static void test_gguf(const struct gguf_case *test)
{
    static struct writer w;
    write_gguf(&w, test);
    struct vkh_gguf gguf;
    struct vkh_arena arena = {0};
    struct vkh_config config = {0};
    const struct vkh_tensor_table table = {0};
    const struct vkh_family *family;
    CHECK(vkh_gguf_parse(w.data, w.size, "x.gguf", &log_to_line, &gguf) == VKH_OK);
    const enum vkh_status status = vkh_config_from_gguf(&gguf, &table, &arena, &config, &family);
    CHECK_MSG(status == test->status, "%s: %s", test->architecture, last_line);
    if (test->message)
        CHECK_MSG(strstr(last_line, test->message), "%s", last_line);
    else if (status == VKH_OK)
        check_numbers(test->architecture, &config, &test->want);
    vkh_arena_fini(&arena);
    vkh_gguf_close(&gguf);
}

static const struct gguf_case gguf_cases[] = {
    {.architecture = "llama",
     .n_layers = 2,
     .want = {128, 128, 0, "", 10000, 0, 128, 0, 0, 1, 0, false}},
    {.architecture = "llama",
     .n_layers = 2,
     .window = 4096,
     .want = {128, 128, 4096, "ww", 10000, 0, 128, 0, 0, 1, 0, false}},
    {.architecture = "llama",
     .n_layers = 2,
     .window = UINT32_MAX,
     .want = {128, 128, 0, "", 10000, 0, 128, 0, 0, 1, 0, false}},
    // The 27B divides by the hidden size's share of a head, and no file says so.
    {.architecture = "gemma2",
     .n_layers = 46,
     .want = {128, 128, 4096, "wfwf", 10000, 0, 144, 50, 30, 4608, 0, true}},
    {.architecture = "gemma2",
     .n_layers = 42,
     .want = {128, 128, 4096, "wfwf", 10000, 0, 128, 50, 30, 4608, 0, true}},
    {.architecture = "gemma2",
     .n_layers = 46,
     .scale = 0.125,
     .want = {128, 128, 4096, "wfwf", 10000, 0, 64, 50, 30, 4608, 0, true}},
    {.architecture = "gemma3",
     .n_layers = 12,
     .window = 512,
     .want = {128, 128, 512, "wwwwwfwwwwwf", 1e6, 1e4, 128, 0, 0, 4608, 0, true}},
    {.architecture = "gemma3",
     .n_layers = 62,
     .window = 1024,
     .period = 3,
     .local_base = 5000,
     .want = {128, 128, 1024, "wwfwwf", 1e6, 5000, 144, 0, 0, 4608, 0, true}},
    {.architecture = "gemma3",
     .n_layers = 4,
     .window = 1024,
     .list = "wffw",
     .want = {128, 128, 1024, "wffw", 1e6, 1e4, 128, 0, 0, 4608, 0, true}},
    {.architecture = "gemma3",
     .n_layers = 4,
     .list = "wff",
     .status = VKH_ERR_FORMAT,
     .message = "gemma3.attention.sliding_window_pattern has 3 elements for 4 layers"},
    {.architecture = "gemma3",
     .n_layers = 4,
     .local_base = 0.5,
     .status = VKH_ERR_FORMAT,
     .message = "gemma3.rope.freq_base_swa: 0.5 is not a number above 1"},
    {.architecture = "qwen3",
     .n_layers = 4,
     .scale = -1,
     .status = VKH_ERR_FORMAT,
     .message = "qwen3.attention.scale: -1 is not a number above 0"},
    {.architecture = "gptx",
     .n_layers = 4,
     .status = VKH_ERR_UNSUPPORTED,
     .message = "general.architecture: gptx"},
};

int main(void)
{
    for (size_t i = 0; i < VKH_COUNTOF(json_cases); i++)
        test_json(&json_cases[i]);
    for (size_t i = 0; i < VKH_COUNTOF(gguf_cases); i++)
        test_gguf(&gguf_cases[i]);
    return check_result();
}
