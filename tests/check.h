// SPDX-License-Identifier: MIT
// The smallest test harness: a failed CHECK prints and is counted; TEST_RESULT() ends main.
#ifndef VKH_TESTS_CHECK_H
#define VKH_TESTS_CHECK_H

#include <stdio.h>

static int check_failures, check_count;

#define CHECK(condition) CHECK_MSG(condition, "%s", #condition)

// With a printf message that says what was found.
#define CHECK_MSG(condition, ...)                                                                  \
    do {                                                                                           \
        check_count++;                                                                             \
        if (!(condition)) {                                                                        \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

// The exit status: 0 all held, 1 a check failed or none ran.
static inline int check_result(void)
{
    fprintf(stderr, "%d checks, %d failed\n", check_count, check_failures);
    return check_failures != 0 || check_count == 0;
}

enum { CHECK_SKIPPED = 77 };

#endif
