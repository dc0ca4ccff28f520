// SPDX-License-Identifier: MIT
// Files mapped for reading, and files written whole or not at all.
#ifndef VKH_BASE_FILE_H
#define VKH_BASE_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <vkhrope/status.h>

struct vkh_log;

// A regular file mapped read-only. An empty file has data all the same.
struct vkh_file {
    const uint8_t *data;
    uint64_t size;
};

// VKH_ERR_IO when `path` is not a readable regular file. On failure *file is zeroed.
enum vkh_status vkh_file_open(const char *path, const struct vkh_log *log, struct vkh_file *file);
void vkh_file_close(struct vkh_file *file);

// An output written to a temporary name beside `path` and renamed over it by commit. The old
// file stays as it was until then; a symbolic link stays one. What is no regular file (a pipe, a
// device) is written in place, and "-" is standard output.
struct vkh_output {
    FILE *stream;
    char *path, *temporary;
};

enum vkh_status vkh_output_open(const char *path, const struct vkh_log *log,
                                struct vkh_output *output);
// Flushes and renames; an unwritten byte (a full disk) is VKH_ERR_IO and removes the temporary.
enum vkh_status vkh_output_commit(struct vkh_output *output, const struct vkh_log *log);
// Gives up: removes the temporary. Does nothing after commit.
void vkh_output_discard(struct vkh_output *output);
// Commits what was written with VKH_OK; with another status gives up, and returns it.
enum vkh_status vkh_output_end(struct vkh_output *output, enum vkh_status written,
                               const struct vkh_log *log);

#endif
