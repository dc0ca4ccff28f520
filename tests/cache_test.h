// SPDX-License-Identifier: MIT
// What tests of a device's cache folder share: a folder of their own, devices that use it.
#ifndef VKH_TESTS_CACHE_TEST_H
#define VKH_TESTS_CACHE_TEST_H

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include "gpu/choices.h"
#include "gpu/internal.h"
#include "gpu_test.h"

// The library's messages, errors counted, the last one that holds "pipelines" or "choices" kept.
struct cache_log {
    int errors;
    char last[1024];
};

static inline void cache_test_log(void *user, enum vkh_log_level level, const char *line)
{
    struct cache_log *log = user;
    log->errors += level < VKH_LOG_DEBUG;
    if (strstr(line, ".pipelines") || strstr(line, ".json"))
        snprintf(log->last, sizeof(log->last), "%s", line);
}

// A new device that keeps things in `folder`; exits when there is none.
static inline struct vkh_device *cache_test_device(const char *folder, const char *variants,
                                                   struct cache_log *heard)
{
    *heard = (struct cache_log){0};
    const struct vkh_log log = {cache_test_log, heard, VKH_LOG_DEBUG};
    const struct vkh_device_options options = {
        .select = getenv("VKHROPE_TEST_DEVICE"),
        .minimum_limits = gpu_test_flag("VKHROPE_TEST_MINIMUM_LIMITS"),
        .validation = gpu_test_flag("VKHROPE_TEST_VALIDATION"), // a message counts as an error
        .variants = variants,
        .cache = folder,
        .log = &log,
    };
    struct vkh_device *device;
    if (vkh_device_create(&options, &device) != VKH_OK)
        exit(options.select ? 1 : CHECK_SKIPPED);
    return device;
}

// The only file of the folder whose name ends so, with the folder; NULL when there is none. The
// caller frees it. Any other file but those of the endings is a failure.
static inline char *cache_test_file(const char *folder, const char *ending)
{
    char *path = NULL;
    DIR *stream = opendir(folder);
    for (const struct dirent *e; stream && (e = readdir(stream)) != NULL;) {
        const size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        CHECK_MSG(strstr(e->d_name, ".pipelines") || strstr(e->d_name, ".json"), "left: %s",
                  e->d_name);
        if (n > strlen(ending) && strcmp(e->d_name + n - strlen(ending), ending) == 0) {
            CHECK(!path);
            if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
                exit(1);
        }
    }
    if (stream)
        closedir(stream);
    return path;
}

static inline int cache_test_remove_one(const char *path, const struct stat *info, int flag,
                                        struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void cache_test_remove(const char *folder)
{
    nftw(folder, cache_test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
