// SPDX-License-Identifier: MIT
// Ids against those that Hugging Face's tokenizers and SentencePiece give (README.md), from a
// tokenizer.json and from a GGUF.
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/tokenizer.h>

#include "check.h"

static void print_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)level;
    fprintf(stderr, "%s: %s\n", (const char *)user, line);
}

static void check_case(const struct vkh_tokenizer *tokenizer, const char *path, const json_t *bos,
                       const json_t *one)
{
    const json_t *text = json_object_get(one, "text"), *want = json_object_get(one, "ids");
    int32_t *ids;
    uint64_t n_ids;
    const enum vkh_status status = vkh_tokenizer_encode(tokenizer, json_string_value(text),
                                                        json_string_length(text), &ids, &n_ids);
    CHECK_MSG(status == VKH_OK, "%s: status %d", path, (int)status);
    const uint64_t skip = json_is_integer(bos);
    if (skip)
        CHECK_MSG(n_ids > 0 && ids[0] == json_integer_value(bos), "%s: no BOS in front", path);
    bool same = n_ids == json_array_size(want) + skip;
    for (uint64_t i = skip; i < n_ids && same; i++)
        same = ids[i] == json_integer_value(json_array_get(want, i - skip));
    CHECK_MSG(same, "%s: other ids for \"%s\"", path, json_string_value(text));
    vkh_ids_free(&ids);
}

static void check_tokenizer(const char *folder, const char *name, const char *ending)
{
    static const char *const lists[] = {"cases", "special", "nfc"};
    char path[1024], wanted[1024];
    snprintf(path, sizeof(path), "%s/tokenizer-%s.%s", folder, name, ending);
    snprintf(wanted, sizeof(wanted), "%s/tokenizer-%s.ids.json", folder, name);
    json_t *golden = json_load_file(wanted, JSON_ALLOW_NUL, NULL);
    CHECK_MSG(golden, "%s: cannot load", wanted);
    const struct vkh_log log = {print_line, path, VKH_LOG_WARNING};
    struct vkh_tokenizer *tokenizer;
    CHECK_MSG(vkh_tokenizer_open(path, &log, &tokenizer) == VKH_OK, "%s: cannot open", path);
    size_t n_cases = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists) && tokenizer; i++) {
        const json_t *list = json_object_get(golden, lists[i]);
        for (size_t k = 0; k < json_array_size(list); k++, n_cases++)
            check_case(tokenizer, path, json_object_get(golden, "bos"), json_array_get(list, k));
    }
    CHECK_MSG(n_cases > 20, "%s: only %zu cases", wanted, n_cases);
    vkh_tokenizer_close(&tokenizer);
    json_decref(golden);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *endings[2];
    } fixtures[] = {
        {"gpt2", {"json", "gguf"}},   {"llama3", {"json", "gguf"}}, {"qwen2", {"json", "gguf"}},
        {"smollm", {"json", "gguf"}}, {"llama2", {"json", "gguf"}}, {"llama2-metaspace", {"json"}},
        {"gemma", {"gguf"}},          {"gemma-hf", {"json"}},       {"spm", {"gguf"}},
    };
    if (argc != 2)
        return 1;
    for (size_t i = 0; i < sizeof(fixtures) / sizeof(*fixtures); i++)
        for (size_t k = 0; k < 2 && fixtures[i].endings[k]; k++)
            check_tokenizer(argv[1], fixtures[i].name, fixtures[i].endings[k]);
    return check_result();
}
