// SPDX-License-Identifier: MIT
// MB/s of a tokenizer (argument) on 3 MB: a text file (second argument), or words made up of
// letters.
#include <stdlib.h>
#include <vkhrope/tokenizer.h>

#include "base/clock.h"
#include "base/file.h"
#include "check.h"

enum { BYTES = 3000000 };

// Words of 1 to 12 letters, the short ones often repeated, as in a language.
static void make_text(char *text)
{
    uint32_t state = 1;
    for (size_t i = 0; i < BYTES;) {
        state = state * 1664525 + 1013904223;
        const uint32_t length = 1 + (state >> 16) % 12;
        uint32_t word = (state >> 8) % (length < 6 ? 500 : 20000);
        for (uint32_t k = 0; k < length && i < BYTES; k++, word = word * 69069 + 1)
            text[i++] = "etaoinshrdlucmfw"[word >> 7 & 15];
        if (i < BYTES)
            text[i++] = state >> 28 ? ' ' : '\n';
    }
}

int main(int argc, char **argv)
{
    struct vkh_tokenizer *tokenizer = NULL;
    struct vkh_file file = {0};
    char *made = malloc(BYTES);
    CHECK(argc >= 2 && made);
    if (check_failures)
        return check_result();
    const double start = vkh_clock();
    CHECK(vkh_tokenizer_open(argv[1], NULL, &tokenizer) == VKH_OK);
    const double opened = vkh_clock();
    make_text(made);
    if (argc > 2)
        CHECK(vkh_file_open(argv[2], NULL, &file) == VKH_OK);
    const char *text = file.data ? (const char *)file.data : made;
    const uint64_t bytes = file.data ? file.size : BYTES;
    int32_t *ids = NULL;
    uint64_t n_ids = 0;
    const double before = vkh_clock();
    if (tokenizer)
        CHECK(vkh_tokenizer_encode(tokenizer, text, bytes, &ids, &n_ids) == VKH_OK);
    const double seconds = vkh_clock() - before;
    printf("open %.3f s, encode %.3f s: %.1f MB/s, %.2f bytes an id\n", opened - start, seconds,
           1e-6 * (double)bytes / seconds, (double)bytes / (double)n_ids);
    vkh_ids_free(&ids);
    vkh_tokenizer_close(&tokenizer);
    vkh_file_close(&file);
    free(made);
    return check_result();
}
