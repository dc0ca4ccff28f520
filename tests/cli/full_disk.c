// SPDX-License-Identifier: MIT
// A disk that is full, for a tool that LD_PRELOADs this: files of the current folder have room for
// VKHROPE_TEST_ROOM bytes each. What is beyond is ENOSPC, or with VKHROPE_TEST_KILL the process's
// end, once what fits is written. Unlike RLIMIT_FSIZE it leaves alone what the driver writes.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define INTERPOSED __attribute__((visibility("default")))

// The function of this name that the process would have called.
static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

static bool is_here(int fd)
{
    char link[32], here[PATH_MAX], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < 0 || !getcwd(here, sizeof(here)))
        abort();
    path[n] = '\0';
    const size_t folder = strlen(here);
    return strncmp(path, here, folder) == 0 && strrchr(path, '/') == path + folder;
}

static off_t room(int fd)
{
    return is_here(fd) ? (off_t)strtoll(getenv("VKHROPE_TEST_ROOM"), NULL, 10) : INT64_MAX;
}

static void fill(void)
{
    if (getenv("VKHROPE_TEST_KILL"))
        raise(SIGKILL);
    errno = ENOSPC;
}

// The part that fits, like the system's; only where nothing does is it an error.
INTERPOSED ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at)
{
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    *(void **)&write_at = next("pwrite64");
    const off_t left = room(fd) - at;
    if (left >= 0 && bytes <= (size_t)left)
        return write_at(fd, from, bytes, at);
    const ssize_t n = left > 0 ? write_at(fd, from, (size_t)left, at) : 0;
    fill();
    return n > 0 ? n : -1;
}

INTERPOSED int fallocate(int fd, int mode, off_t at, off_t bytes)
{
    int (*allocate)(int, int, off_t, off_t);
    *(void **)&allocate = next("fallocate64");
    if (bytes <= room(fd) - at)
        return allocate(fd, mode, at, bytes);
    fill();
    return -1;
}

// A stream's writes are calls inside the C library: those of fdopen go through pwrite instead.
static ssize_t stream_write(void *cookie, const char *from, size_t bytes)
{
    const int fd = (int)(intptr_t)cookie;
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = pwrite(fd, from + done, bytes - done, lseek(fd, 0, SEEK_CUR));
        if (n < 0)
            break;
        done += (size_t)n;
        lseek(fd, n, SEEK_CUR);
    }
    return (ssize_t)done; // fewer than asked for: an error
}

static int stream_close(void *cookie)
{
    return close((int)(intptr_t)cookie);
}

INTERPOSED FILE *fdopen(int fd, const char *mode)
{
    FILE *(*open_stream)(int, const char *);
    *(void **)&open_stream = next("fdopen");
    if (mode[0] != 'w' || !is_here(fd))
        return open_stream(fd, mode);
    const cookie_io_functions_t calls = {.write = stream_write, .close = stream_close};
    return fopencookie((void *)(intptr_t)fd, mode, calls);
}
