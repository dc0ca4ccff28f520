// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { TEMPORARY_DIGITS = 8 };

enum vkh_status vkh_file_open(const char *path, const struct vkh_log *log, struct vkh_file *file)
{
    *file = (struct vkh_file){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    enum vkh_status status = VKH_OK;
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = vkh_fail(log, VKH_ERR_IO, "%s: cannot stat: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        status = vkh_fail(log, VKH_ERR_IO, "%s: not a regular file", path);
    } else if (info.st_size == 0) {
        file->data = (const uint8_t *)"";
    } else {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = vkh_fail(log, VKH_ERR_IO, "%s: cannot map: %s", path, strerror(errno));
        else
            *file = (struct vkh_file){data, (uint64_t)info.st_size};
    }
    close(fd);
    return status;
}

void vkh_file_close(struct vkh_file *file)
{
    if (file->size > 0)
        munmap((void *)(uintptr_t)file->data, (size_t)file->size);
    *file = (struct vkh_file){0};
}

static void forget(struct vkh_output *output)
{
    free(output->path);
    free(output->temporary);
    *output = (struct vkh_output){0};
}

// A new file whose name ends in a random number, written over the last digits of `name`. Not by
// mkstemp: it makes files private, and the mode of others cannot be told without changing the
// process's mask for a moment. -1 with errno on failure.
static int create_unused(char *name)
{
    enum { ATTEMPTS = 100 };
    char *digits = name + strlen(name) - TEMPORARY_DIGITS;
    for (int i = 0; i < ATTEMPTS; i++) {
        uint32_t number;
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            return -1;
        snprintf(digits, TEMPORARY_DIGITS + 1, "%0*" PRIx32, TEMPORARY_DIGITS, number);
        const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static enum vkh_status open_temporary(const char *path, const struct vkh_log *log,
                                      struct vkh_output *output)
{
    if (asprintf(&output->temporary, "%s.%0*d", output->path, TEMPORARY_DIGITS, 0) < 0) {
        output->temporary = NULL;
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    }
    const int fd = create_unused(output->temporary);
    if (fd >= 0)
        output->stream = fdopen(fd, "wb");
    if (output->stream)
        return VKH_OK;
    const int error = errno;
    if (fd >= 0) {
        close(fd);
        unlink(output->temporary);
    }
    return vkh_fail(log, VKH_ERR_IO, "%s: cannot create: %s", path, strerror(error));
}

static enum vkh_status open_in_place(const char *path, const struct vkh_log *log,
                                     struct vkh_output *output)
{
    output->stream = fopen(path, "wbe");
    return output->stream ? VKH_OK
                          : vkh_fail(log, VKH_ERR_IO, "%s: cannot open for writing: %s", path,
                                     strerror(errno));
}

enum vkh_status vkh_output_open(const char *path, const struct vkh_log *log,
                                struct vkh_output *output)
{
    *output = (struct vkh_output){0};
    if (strcmp(path, "-") == 0) {
        output->stream = stdout;
        return VKH_OK;
    }
    struct stat info;
    const bool exists = stat(path, &info) == 0;
    output->path = exists ? realpath(path, NULL) : strdup(path);
    if (!output->path)
        return vkh_fail(log, errno == ENOMEM ? VKH_ERR_MEMORY : VKH_ERR_IO,
                        "%s: cannot resolve: %s", path, strerror(errno));
    const enum vkh_status status = exists && !S_ISREG(info.st_mode)
                                       ? open_in_place(path, log, output)
                                       : open_temporary(path, log, output);
    if (status != VKH_OK)
        forget(output);
    return status;
}

enum vkh_status vkh_output_commit(struct vkh_output *output, const struct vkh_log *log)
{
    errno = 0;
    const bool failed = fflush(output->stream) != 0 || ferror(output->stream);
    int error = errno;
    if (!output->path) {
        *output = (struct vkh_output){0};
        return failed
                   ? vkh_fail(log, VKH_ERR_IO, "standard output: cannot write: %s", strerror(error))
                   : VKH_OK;
    }
    const bool closed = fclose(output->stream) == 0;
    error = failed ? error : errno;
    output->stream = NULL;
    enum vkh_status status = VKH_OK;
    if (failed || !closed)
        status = vkh_fail(log, VKH_ERR_IO, "%s: cannot write: %s", output->path, strerror(error));
    else if (output->temporary && rename(output->temporary, output->path) != 0)
        status = vkh_fail(log, VKH_ERR_IO, "%s: cannot rename: %s", output->path, strerror(errno));
    if (status != VKH_OK && output->temporary)
        unlink(output->temporary);
    forget(output);
    return status;
}

void vkh_output_discard(struct vkh_output *output)
{
    if (output->path && output->stream)
        fclose(output->stream);
    if (output->temporary)
        unlink(output->temporary);
    forget(output);
}

enum vkh_status vkh_output_end(struct vkh_output *output, enum vkh_status written,
                               const struct vkh_log *log)
{
    if (written == VKH_OK)
        return vkh_output_commit(output, log);
    vkh_output_discard(output);
    return written;
}
