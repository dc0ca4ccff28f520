// SPDX-License-Identifier: MIT
// What the reader of tokenizer.json refuses: one edit of a good document at a time.
#include "tokenizer_json_test.h"

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
    {"pre_tokenizer.type", "\"Whitespace\"", VKH_ERR_UNSUPPORTED, "pre_tokenizer: Whitespace"},
    {"pre_tokenizer", "{\"type\": \"Metaspace\"}", VKH_ERR_UNSUPPORTED,
     "pre_tokenizer.replacement"},
    {"pre_tokenizer",
     "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"last\"}",
     VKH_ERR_UNSUPPORTED, "pre_tokenizer: this prepend_scheme"},
    {"pre_tokenizer",
     "{\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Removed\"}",
     VKH_ERR_UNSUPPORTED, "pattern.String"},
    {"pre_tokenizer",
     "{\"type\": \"Split\", \"pattern\": {\"String\": \"\"}, \"behavior\": "
     "\"MergedWithNext\"}",
     VKH_ERR_UNSUPPORTED, "pattern.String"},
    {"normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": \"\"}",
     VKH_ERR_UNSUPPORTED, "normalizer.pattern.String"},
    {"normalizer", "{\"type\": \"Prepend\"}", VKH_ERR_UNSUPPORTED, "normalizer.prepend"},
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
     VKH_ERR_UNSUPPORTED, "pattern.String"},
    {"pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {}, \"behavior\": \"Isolated\"}",
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

static void test_edits(void)
{
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        json_t *document = make_document();
        edit(document, cases[i].path, cases[i].value);
        struct vkh_tokenizer *tokenizer;
        const enum vkh_status status = open_document(document, &tokenizer);
        CHECK_MSG(status == cases[i].status && strstr(last_line, cases[i].message),
                  "%s = %s: status %d, %s", cases[i].path, cases[i].value, (int)status, last_line);
        vkh_tokenizer_close(&tokenizer);
    }
}

static void test_files(void)
{
    struct vkh_tokenizer *tokenizer;
    CHECK(open_content("", 0, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(open_content("[1]", 3, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(open_content("{\"a\": 1, \"a\": 2}", 16, &tokenizer) == VKH_ERR_FORMAT);
    CHECK(vkh_tokenizer_open("/nonexistent/x", &log_to_memory, &tokenizer) == VKH_ERR_IO);
    char folder[] = "/tmp/vkhrope-tokenizer-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    CHECK(vkh_tokenizer_open(folder, NULL, &tokenizer) == VKH_ERR_IO && !tokenizer);
    CHECK(rmdir(folder) == 0);
}

int main(void)
{
    test_edits();
    test_files();
    return check_result();
}
