// SPDX-License-Identifier: MIT
// Damaged tokenizers and texts: each must end in ids or in an error, never in a crash. The damage
// follows from a fixed seed. Arguments: rounds a file, then the files.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vkhrope/tokenizer.h>

#include "base/file.h"
#include "check.h"

static uint64_t state = 0x9e3779b97f4a7c15u;

// xorshift64; below `limit`, which is not 0.
static uint64_t pick(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

// One change in place: a byte, a digit, a span moved, or a span dropped. Returns the new size.
static size_t damage(uint8_t *data, size_t size)
{
    const size_t at = pick(size), length = 1 + pick(size - at < 64 ? size - at : 64);
    size_t from = pick(size);
    switch (pick(5)) {
    case 0:
        data[at] = (uint8_t)pick(256);
        return size;
    case 1:
        data[at] = (uint8_t) "\"\\{}[],: 0-9\xc3\x80"[pick(14)];
        return size;
    case 2:
        while (from < size && (data[from] < '0' || data[from] > '9'))
            from++;
        if (from < size)
            data[from] = (uint8_t)('0' + pick(10));
        return size;
    case 3:
        from = pick(size - length + 1);
        memmove(data + at, data + from, length);
        return size;
    default:
        memmove(data + at, data + at + length, size - at - length);
        return size - length > 0 ? size - length : size;
    }
}

// Any bytes; what is UTF-8 must become ids of the vocabulary.
static void encode_some(const struct vkh_tokenizer *tokenizer)
{
    static const char seed[] =
        "The end's 12 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80  \r\n<s>\0 <|x|>e\xcc\x81";
    uint8_t text[sizeof(seed)];
    for (int round = 0; round < 8; round++) {
        size_t size = sizeof(text);
        memcpy(text, seed, size);
        for (int i = 0; i < round; i++)
            size = damage(text, size);
        int32_t *ids;
        uint64_t n_ids;
        const enum vkh_status status =
            vkh_tokenizer_encode(tokenizer, (const char *)text, size, &ids, &n_ids);
        CHECK(status == VKH_OK || status == VKH_ERR_FORMAT || status == VKH_ERR_UNSUPPORTED);
        bool inside = (status == VKH_OK) == (ids != NULL);
        for (uint64_t i = 0; i < n_ids; i++)
            inside = inside && ids[i] >= 0 && (uint32_t)ids[i] < vkh_tokenizer_vocab(tokenizer);
        CHECK(inside);
        vkh_ids_free(&ids);
    }
}

// Returns whether the damaged file still opens.
static bool try_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size);
    if (file)
        fclose(file);
    struct vkh_tokenizer *tokenizer;
    const enum vkh_status status = vkh_tokenizer_open(path, NULL, &tokenizer);
    CHECK_MSG(status == VKH_OK || status == VKH_ERR_FORMAT || status == VKH_ERR_UNSUPPORTED,
              "status %d", (int)status);
    CHECK((status == VKH_OK) == (tokenizer != NULL));
    if (tokenizer)
        encode_some(tokenizer);
    vkh_tokenizer_close(&tokenizer);
    return status == VKH_OK;
}

static void fuzz(const char *seed_path, const char *path, int rounds)
{
    struct vkh_file seed;
    CHECK_MSG(vkh_file_open(seed_path, NULL, &seed) == VKH_OK, "%s: cannot open", seed_path);
    uint8_t *data = malloc(seed.size + 1);
    int n_open = 0;
    for (int round = 0; round < rounds && data && seed.size > 0; round++) {
        size_t size = seed.size;
        memcpy(data, seed.data, size);
        if (round % 16 == 15)
            size = pick(size);
        for (uint64_t i = round == 0 ? 0 : 1 + pick(3); i > 0 && size > 0; i--)
            size = damage(data, size);
        n_open += try_file(path, data, size);
    }
    CHECK_MSG(n_open > rounds / 50 && n_open < rounds, "%s: %d of %d open", seed_path, n_open,
              rounds);
    free(data);
    vkh_file_close(&seed);
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/vkhrope-fuzz-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && argc > 2);
    if (fd >= 0)
        close(fd);
    for (int i = 2; i < argc; i++)
        fuzz(argv[i], path, atoi(argv[1]));
    unlink(path);
    return check_result();
}
