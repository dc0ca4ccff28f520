// SPDX-License-Identifier: MIT
// A fuzz target: one program each, driven by driver.c, or by libFuzzer where the compiler has it
// (-Dfuzzers=true).
#ifndef VKH_TESTS_FUZZ_H
#define VKH_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vkhrope/status.h>

// Takes any bytes; returns whether they were accepted.
bool fuzz_one(const uint8_t *data, size_t size);

// A promise that must hold whatever the input.
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// What a reader may say of a file that is there.
static inline bool fuzz_is_verdict(enum vkh_status status)
{
    return status == VKH_OK || status == VKH_ERR_FORMAT || status == VKH_ERR_UNSUPPORTED;
}

// A message is one line, whatever a file calls its parts.
static inline void fuzz_log_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user, (void)level;
    for (; *line; line++)
        PROMISE((unsigned char)*line >= 0x20 && *line != 0x7f);
}

static const struct vkh_log fuzz_log = {fuzz_log_line, NULL, VKH_LOG_DEBUG};

// Stands in an input between two files, and between a file and a text. Not UTF-8.
#define FUZZ_MARK "\xfe\xff\xff\xfe"

// The first `size` bytes up to a mark, or all. *rest is what stands behind it, NULL without one.
static inline size_t fuzz_split(const uint8_t *data, size_t size, const uint8_t **rest,
                                size_t *rest_size)
{
    const size_t mark = sizeof(FUZZ_MARK) - 1;
    const uint8_t *end = size ? memmem(data, size, FUZZ_MARK, mark) : NULL;
    *rest = end ? end + mark : NULL;
    *rest_size = end ? size - (size_t)(end - data) - mark : 0;
    return end ? (size_t)(end - data) : size;
}

// A file of that content in memory; close() it. `path` opens it while it is open.
static inline int fuzz_file(const uint8_t *data, size_t size, char path[32])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    PROMISE(fd >= 0);
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(fd, data + done, size - done);
        PROMISE(n > 0);
        done += (size_t)n;
    }
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
