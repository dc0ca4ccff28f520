// SPDX-License-Identifier: MIT
#include "eval/checkpoint_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "eval/checkpoint_format.h"

static enum vkh_status fail(const struct vkh_checkpoint_file *file, const char *what)
{
    return vkh_fail(file->log, VKH_ERR_IO, "%s: cannot %s: %s", file->path, what, strerror(errno));
}

enum vkh_status vkh_checkpoint_file_read(const struct vkh_checkpoint_file *file, void *to,
                                         uint64_t bytes, uint64_t at)
{
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t n = pread(file->fd, (char *)to + done, bytes - done, (off_t)(at + done));
        if (n == 0)
            return vkh_fail(file->log, VKH_ERR_FORMAT, "%s: the checkpoint is cut short",
                            file->path);
        if (n < 0 && errno != EINTR)
            return fail(file, "read");
        done += n > 0 ? (uint64_t)n : 0;
    }
    return VKH_OK;
}

enum vkh_status vkh_checkpoint_file_write(const struct vkh_checkpoint_file *file, const void *from,
                                          uint64_t bytes, uint64_t at)
{
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t n =
            pwrite(file->fd, (const char *)from + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return fail(file, "write");
        done += n > 0 ? (uint64_t)n : 0;
    }
    return VKH_OK;
}

enum vkh_status vkh_checkpoint_file_cut(const struct vkh_checkpoint_file *file, uint64_t end)
{
    return ftruncate(file->fd, (off_t)end) == 0 ? VKH_OK : fail(file, "set the size");
}

static uint64_t mark_at(const struct vkh_checkpoint_file *file, uint32_t index)
{
    return file->marks_at +
           index % VKH_CHECKPOINT_MARKS * (uint64_t)(VKH_CHECKPOINT_BLOCK / VKH_CHECKPOINT_MARKS);
}

enum vkh_status vkh_checkpoint_file_sync(struct vkh_checkpoint_file *file, uint64_t end)
{
    if (fdatasync(file->fd) != 0)
        return fail(file, "write to the disk");
    const struct vkh_checkpoint_mark mark = {end, XXH3_64bits(&end, sizeof(end))};
    file->durable = end;
    return vkh_checkpoint_file_write(file, &mark, sizeof(mark), mark_at(file, file->n_marks++));
}

static enum vkh_status read_marks(struct vkh_checkpoint_file *file)
{
    for (uint32_t i = 0; i < VKH_CHECKPOINT_MARKS; i++) {
        struct vkh_checkpoint_mark mark;
        const enum vkh_status status =
            vkh_checkpoint_file_read(file, &mark, sizeof(mark), mark_at(file, i));
        if (status != VKH_OK)
            return status;
        if (mark.hash != XXH3_64bits(&mark.end, sizeof(mark.end)) || mark.end <= file->durable)
            continue;
        file->durable = mark.end;
        file->n_marks = i + 1;
    }
    return VKH_OK;
}

// A renamed file is there after a power cut once its folder is on the disk.
static enum vkh_status sync_folder(const char *path, const struct vkh_log *log)
{
    char *folder = strdup(path);
    if (!folder)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = '\0';
    const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd >= 0) {
        (void)!fsync(fd); // not every file system can
        close(fd);
    }
    return VKH_OK;
}

// The file with a header alone, whole under its name.
static enum vkh_status make(const struct vkh_checkpoint_plan *plan, const struct vkh_log *log)
{
    struct vkh_checkpoint_header header = {.format = VKH_CHECKPOINT_FORMAT,
                                           .identity_bytes = (uint32_t)strlen(plan->identity)};
    memcpy(header.magic, vkh_checkpoint_magic, sizeof(header.magic));
    header.hash = vkh_checkpoint_hash(&header, offsetof(struct vkh_checkpoint_header, hash),
                                      plan->identity, header.identity_bytes);
    struct vkh_output output;
    enum vkh_status status = vkh_output_open(plan->path, log, &output);
    if (status != VKH_OK)
        return status;
    fwrite(&header, sizeof(header), 1, output.stream);
    fwrite(plan->identity, 1, header.identity_bytes, output.stream);
    if (fflush(output.stream) == 0)
        (void)!fsync(fileno(output.stream));
    status = vkh_output_commit(&output, log);
    return status == VKH_OK ? sync_folder(plan->path, log) : status;
}

static enum vkh_status open_locked(const struct vkh_checkpoint_plan *plan,
                                   struct vkh_checkpoint_file *file)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    file->fd = open(plan->path, flags);
    if (file->fd < 0 && errno == ENOENT) {
        const enum vkh_status status = make(plan, file->log);
        if (status != VKH_OK)
            return status;
        file->fd = open(plan->path, flags);
    }
    struct stat info;
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return fail(file, "open");
    if (!S_ISREG(info.st_mode))
        return vkh_fail(file->log, VKH_ERR_IO, "%s: not a regular file", file->path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return vkh_fail(file->log, VKH_ERR_IO, "%s: another process is using this checkpoint",
                        file->path);
    file->size = (uint64_t)info.st_size;
    return VKH_OK;
}

// The names and values of the first lines that differ.
static enum vkh_status refuse(const struct vkh_checkpoint_file *file, const char *there,
                              const char *here)
{
    enum { MOST_SHOWN = 120 };
    size_t n = strcspn(there, "\n");
    while (n > 0 && n == strcspn(here, "\n") && memcmp(there, here, n) == 0) {
        there += n + (there[n] == '\n');
        here += n + (here[n] == '\n');
        n = strcspn(there, "\n");
    }
    const size_t name = strcspn(here, " \n"), same = strcspn(there, " \n");
    const char *theirs = name == same && memcmp(here, there, name) == 0 ? there + name : "";
    const char *ours = here + name;
    theirs += *theirs == ' ';
    ours += *ours == ' ';
    const size_t m = strcspn(ours, "\n");
    n = strcspn(theirs, "\n");
    return vkh_fail(file->log, VKH_ERR_ARGUMENT,
                    "%s: the checkpoint is another run's: %.*s is \"%.*s\" there, \"%.*s\" here",
                    file->path, (int)name, here, (int)vkh_min_size(n, MOST_SHOWN), theirs,
                    (int)vkh_min_size(m, MOST_SHOWN), ours);
}

// `text` is terminated and has room for the header's identity.
static enum vkh_status check_identity(const struct vkh_checkpoint_file *file,
                                      const struct vkh_checkpoint_header *header, char *text,
                                      const char *identity)
{
    const enum vkh_status status =
        vkh_checkpoint_file_read(file, text, header->identity_bytes, sizeof(*header));
    if (status != VKH_OK)
        return status;
    if (header->hash != vkh_checkpoint_hash(header, offsetof(struct vkh_checkpoint_header, hash),
                                            text, header->identity_bytes) ||
        strlen(text) != header->identity_bytes)
        return vkh_fail(file->log, VKH_ERR_FORMAT, "%s: the checkpoint's header is damaged",
                        file->path);
    return strcmp(text, identity) == 0 ? VKH_OK : refuse(file, text, identity);
}

static enum vkh_status check_header(const struct vkh_checkpoint_file *file, const char *identity)
{
    struct vkh_checkpoint_header header = {0};
    enum vkh_status status = VKH_OK;
    if (file->size >= sizeof(header))
        status = vkh_checkpoint_file_read(file, &header, sizeof(header), 0);
    if (status != VKH_OK)
        return status;
    if (memcmp(header.magic, vkh_checkpoint_magic, sizeof(header.magic)) != 0)
        return vkh_fail(file->log, VKH_ERR_FORMAT, "%s: not a checkpoint of vkhrope", file->path);
    if (header.format != VKH_CHECKPOINT_FORMAT)
        return vkh_fail(file->log, VKH_ERR_UNSUPPORTED,
                        "%s: the checkpoint's format is %u; this version reads %d", file->path,
                        header.format, VKH_CHECKPOINT_FORMAT);
    if (header.identity_bytes > VKH_CHECKPOINT_MOST_IDENTITY ||
        header.identity_bytes > file->size - sizeof(header))
        return vkh_fail(file->log, VKH_ERR_FORMAT, "%s: the checkpoint's header is damaged",
                        file->path);
    char *text = calloc((size_t)header.identity_bytes + 1, 1);
    if (!text)
        return vkh_fail(file->log, VKH_ERR_MEMORY, "%s: out of memory", file->path);
    status = check_identity(file, &header, text, identity);
    free(text);
    return status;
}

// Room for what is before the records: a disk that is too small says so before the work.
static enum vkh_status reserve(const struct vkh_checkpoint_file *file, uint64_t end)
{
    if (file->size < end) {
        const enum vkh_status status = vkh_checkpoint_file_cut(file, end);
        if (status != VKH_OK)
            return status;
    }
    int result;
    do
        result = fallocate(file->fd, 0, (off_t)file->marks_at, (off_t)(end - file->marks_at));
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? VKH_OK
                                                                 : fail(file, "reserve its size");
}

enum vkh_status vkh_checkpoint_file_open(const struct vkh_checkpoint_plan *plan,
                                         const struct vkh_log *log,
                                         struct vkh_checkpoint_file *file)
{
    *file = (struct vkh_checkpoint_file){.log = log, .fd = -1, .path = strdup(plan->path)};
    if (!file->path)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", plan->path);
    file->marks_at = vkh_checkpoint_marks_at(strlen(plan->identity));
    file->kept_at = file->marks_at + VKH_CHECKPOINT_BLOCK;
    enum vkh_status status = open_locked(plan, file);
    if (status == VKH_OK)
        status = check_header(file, plan->identity);
    if (status == VKH_OK)
        status =
            reserve(file, file->kept_at + vkh_round_up(plan->kept_bytes, VKH_CHECKPOINT_BLOCK));
    if (status == VKH_OK)
        status = read_marks(file);
    if (status != VKH_OK)
        vkh_checkpoint_file_close(file);
    return status;
}

void vkh_checkpoint_file_close(struct vkh_checkpoint_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    *file = (struct vkh_checkpoint_file){.fd = -1};
}
