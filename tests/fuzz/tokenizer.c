// SPDX-License-Identifier: MIT
// Tokenizers from GGUF and tokenizer.json, on a text of the target's own and on what stands behind
// a mark in the input.
#include <vkhrope/tokenizer.h>

#include "fuzz.h"

static const char own_text[] = "The end's 12 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80  \r\n<s>\0 "
                               "<|x|>e\xcc\x81 \xe2\x96\x81 <0x0A>";

// Any bytes; what is UTF-8 must become ids of the vocabulary.
static void encode(const struct vkh_tokenizer *tokenizer, const char *text, size_t size)
{
    int32_t *ids;
    uint64_t n_ids;
    const enum vkh_status status = vkh_tokenizer_encode(tokenizer, text, size, &ids, &n_ids);
    PROMISE(fuzz_is_verdict(status) && (status == VKH_OK) == (ids != NULL));
    PROMISE(ids || n_ids == 0);
    for (uint64_t i = 0; i < n_ids; i++)
        PROMISE(ids[i] >= 0 && (uint32_t)ids[i] < vkh_tokenizer_vocab(tokenizer));
    vkh_ids_free(&ids);
}

static void read_tokens(const struct vkh_tokenizer *tokenizer)
{
    volatile uint8_t last;
    for (uint32_t id = 0; id < vkh_tokenizer_vocab(tokenizer); id++) {
        uint64_t n;
        const char *bytes = vkh_tokenizer_bytes(tokenizer, (int32_t)id, &n);
        PROMISE(bytes || n == 0);
        if (n > 0)
            last = (uint8_t)bytes[n - 1];
    }
    (void)last;
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    const uint8_t *text;
    size_t text_size;
    const size_t file_size = fuzz_split(data, size, &text, &text_size);
    char path[32];
    const int fd = fuzz_file(data, file_size, path);
    struct vkh_tokenizer *tokenizer;
    const enum vkh_status status = vkh_tokenizer_open(path, &fuzz_log, &tokenizer);
    close(fd);
    PROMISE(fuzz_is_verdict(status) && (status == VKH_OK) == (tokenizer != NULL));
    if (tokenizer) {
        read_tokens(tokenizer);
        encode(tokenizer, own_text, sizeof(own_text));
        if (text)
            encode(tokenizer, (const char *)text, text_size);
    }
    vkh_tokenizer_close(&tokenizer);
    return status == VKH_OK;
}
