// SPDX-License-Identifier: MIT
// What tests through the public headers share.
#ifndef VKH_TESTS_API_TEST_H
#define VKH_TESTS_API_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <vkhrope/vkhrope.h>

#include "check.h"

static inline void api_test_log(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

// The device that VKHROPE_TEST_DEVICE selects, with the variants of VKHROPE_TEST_VARIANTS; exits
// with CHECK_SKIPPED without any.
static inline struct vkh_device *api_test_device(const struct vkh_log *log)
{
    const struct vkh_device_options options = {.select = getenv("VKHROPE_TEST_DEVICE"),
                                               .variants = getenv("VKHROPE_TEST_VARIANTS"),
                                               .log = log};
    struct vkh_device *device;
    if (vkh_device_create(&options, &device) != VKH_OK)
        exit(CHECK_SKIPPED);
    return device;
}

// Up to `most` ids from a file of decimal numbers; returns how many.
static inline int api_test_ids(const char *path, int32_t *ids, int most)
{
    FILE *file = fopen(path, "r");
    int n = 0;
    while (file && n < most && fscanf(file, "%d", &ids[n]) == 1)
        n++;
    if (file)
        fclose(file);
    return n;
}

#endif
