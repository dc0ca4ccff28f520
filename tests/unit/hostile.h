// SPDX-License-Identifier: MIT
// Files that mean harm: each must be refused by a line that names it, within 100 ms and without
// more memory than a small file may ask for.
#ifndef VKH_TESTS_HOSTILE_H
#define VKH_TESTS_HOSTILE_H

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <vkhrope/model.h>

#include "check.h"
#include "last_line.h"

static const struct vkh_log log_to_memory = {keep_line, NULL, VKH_LOG_WARNING};

// From here on the process gets no more than 64 MiB: a file that makes it ask for more ends as
// VKH_ERR_MEMORY. Sanitizers need the memory themselves.
static inline void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    const struct rlimit limit = {64 << 20, 64 << 20};
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
#endif
}

static inline void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size);
    if (file)
        fclose(file);
}

// Opens a model that is to be refused with a message that holds `message`.
static inline void check_refused(const char *path, enum vkh_status want, const char *message)
{
    struct vkh_model *model;
    last_line[0] = '\0';
    const clock_t start = clock(); // this process's own time: the machine may be busy
    const enum vkh_status status = vkh_model_open(path, &log_to_memory, &model);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK_MSG(status == want && !model, "%s: status %d, not %d: %s", message, (int)status,
              (int)want, last_line);
    CHECK_MSG(strstr(last_line, message), "%s is not in: %s", message, last_line);
    CHECK_MSG(seconds < 0.1, "%s: took %.3f s", message, seconds);
    vkh_model_close(&model);
}

#endif
