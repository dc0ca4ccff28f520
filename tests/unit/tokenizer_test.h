// SPDX-License-Identifier: MIT
// What the tests of the tokenizer share: a log to look at, a file to open, ids to compare.
#ifndef VKH_TESTS_TOKENIZER_TEST_H
#define VKH_TESTS_TOKENIZER_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vkhrope/tokenizer.h>

#include "check.h"
#include "last_line.h"

static const struct vkh_log log_to_memory = {keep_line, NULL, VKH_LOG_WARNING};

// A file of that content, open as a tokenizer; the file is gone afterwards.
static enum vkh_status open_content(const void *content, size_t bytes,
                                    struct vkh_tokenizer **tokenizer)
{
    char path[] = "/tmp/vkhrope-tokenizer-XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    CHECK(file && fwrite(content, 1, bytes, file) == bytes);
    if (file)
        fclose(file);
    last_line[0] = '\0';
    const enum vkh_status status = vkh_tokenizer_open(path, &log_to_memory, tokenizer);
    CHECK((status == VKH_OK) == (*tokenizer != NULL));
    CHECK_MSG(status == VKH_OK || strncmp(last_line, path, strlen(path)) == 0,
              "the message does not name the file: %s", last_line);
    unlink(path);
    return status;
}

// The tokens of a text in words: their bytes, with | between.
static inline const char *shown(const struct vkh_tokenizer *tokenizer, const char *text,
                                size_t bytes)
{
    static char out[4096];
    int32_t *ids;
    uint64_t n_ids, at = 0;
    if (vkh_tokenizer_encode(tokenizer, text, bytes, &ids, &n_ids) != VKH_OK)
        return "(an error)";
    for (uint64_t i = 0; i < n_ids; i++) {
        uint64_t n;
        const char *token = vkh_tokenizer_bytes(tokenizer, ids[i], &n);
        if (at + n + 2 > sizeof(out))
            break;
        if (i > 0)
            out[at++] = '|';
        memcpy(out + at, token, n);
        at += n;
    }
    out[at] = '\0';
    vkh_ids_free(&ids);
    return out;
}

#define CHECK_TOKENS(tokenizer, text, want)                                                        \
    do {                                                                                           \
        const char *got = shown(tokenizer, text, strlen(text));                                    \
        CHECK_MSG(strcmp(got, want) == 0, "%s: got %s, want %s", text, got, want);                 \
    } while (0)

#endif
