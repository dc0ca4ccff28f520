// SPDX-License-Identifier: MIT
// The ids of every line of a file, a line of numbers for each: for lines.py, which holds them to
// the reference tokenizers. Arguments: the tokenizer, the text.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vkhrope/tokenizer.h>

#include "base/file.h"

int main(int argc, char **argv)
{
    struct vkh_tokenizer *tokenizer;
    struct vkh_file file;
    if (argc != 3 || vkh_tokenizer_open(argv[1], NULL, &tokenizer) != VKH_OK ||
        vkh_file_open(argv[2], NULL, &file) != VKH_OK)
        return 1;
    for (uint64_t at = 0; at < file.size;) {
        const uint8_t *line = file.data + at, *end = memchr(line, '\n', file.size - at);
        const uint64_t bytes = end ? (uint64_t)(end - line) : file.size - at;
        int32_t *ids;
        uint64_t n;
        if (vkh_tokenizer_encode(tokenizer, (const char *)line, bytes, &ids, &n) != VKH_OK)
            return 1;
        for (uint64_t i = 0; i < n; i++)
            printf("%" PRId32 " ", ids[i]);
        putchar('\n');
        vkh_ids_free(&ids);
        at += bytes + 1;
    }
    vkh_file_close(&file);
    vkh_tokenizer_close(&tokenizer);
    return 0;
}
