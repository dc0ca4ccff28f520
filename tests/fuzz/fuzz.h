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
