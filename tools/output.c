// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum vkh_status cannot_write(const struct tool *tool, const char *path, int error)
{
    tool_message(tool, "%s: cannot write: %s", path, strerror(error));
    return error == ENOMEM ? VKH_ERR_MEMORY : VKH_ERR_IO;
}

// mkstemp makes the file private; it gets the mode that creating it plainly would have given.
static FILE *open_temporary(char *name)
{
    const int fd = mkstemp(name);
    if (fd < 0)
        return NULL;
    const mode_t mask = umask(0);
    umask(mask);
    (void)!fchmod(fd, 0666 & ~mask);
    FILE *stream = fdopen(fd, "wb");
    if (!stream) {
        close(fd);
        unlink(name);
    }
    return stream;
}

static void forget(struct output *output)
{
    free(output->path);
    free(output->temporary);
    *output = (struct output){0};
}

enum vkh_status output_open(const struct tool *tool, const char *path, struct output *output)
{
    struct stat info;
    const bool exists = stat(path, &info) == 0;
    *output = (struct output){.name = path};
    if (strcmp(path, "-") == 0) {
        output->stream = stdout;
    } else if (exists && !S_ISREG(info.st_mode)) {
        output->stream = fopen(path, "wb");
    } else {
        output->path = exists ? realpath(path, NULL) : strdup(path);
        if (output->path && asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0)
            output->temporary = NULL;
        if (output->temporary)
            output->stream = open_temporary(output->temporary);
    }
    if (output->stream)
        return VKH_OK;
    const enum vkh_status status = cannot_write(tool, path, errno);
    forget(output);
    return status;
}

enum vkh_status output_commit(const struct tool *tool, struct output *output)
{
    enum vkh_status status = VKH_OK;
    if (output->stream != stdout) {
        errno = 0;
        const bool failed = fflush(output->stream) != 0 || ferror(output->stream);
        const int error = errno;
        if (fclose(output->stream) != 0 || failed)
            status = cannot_write(tool, output->name, failed ? error : errno);
        else if (output->temporary && rename(output->temporary, output->path) != 0)
            status = cannot_write(tool, output->name, errno);
        if (status != VKH_OK && output->temporary)
            unlink(output->temporary);
    }
    forget(output);
    return status;
}
