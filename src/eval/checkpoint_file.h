// SPDX-License-Identifier: MIT
// What checkpoint.c (records) and checkpoint_file.c (the file and its header) share.
#ifndef VKH_EVAL_CHECKPOINT_FILE_H
#define VKH_EVAL_CHECKPOINT_FILE_H

#include "eval/checkpoint.h"

struct vkh_checkpoint_file {
    char *path;
    const struct vkh_log *log;
    int fd;                     // -1: none
    uint64_t size;              // when it was opened
    uint64_t marks_at, kept_at; // offsets
    uint64_t durable;           // the file's bytes that a fsync has brought to the disk
    uint32_t n_marks;           // written so far
};

// Opens, locks and makes the file, up to its records, which begin at `kept_at + kept_bytes` rounded
// up to a block. As vkh_checkpoint_open; closed on failure.
enum vkh_status vkh_checkpoint_file_open(const struct vkh_checkpoint_plan *plan,
                                         const struct vkh_log *log,
                                         struct vkh_checkpoint_file *file);
void vkh_checkpoint_file_close(struct vkh_checkpoint_file *file);

// All of the bytes; a file that ends before them is VKH_ERR_FORMAT.
enum vkh_status vkh_checkpoint_file_read(const struct vkh_checkpoint_file *file, void *to,
                                         uint64_t bytes, uint64_t at);
enum vkh_status vkh_checkpoint_file_write(const struct vkh_checkpoint_file *file, const void *from,
                                          uint64_t bytes, uint64_t at);
enum vkh_status vkh_checkpoint_file_cut(const struct vkh_checkpoint_file *file, uint64_t end);
// Brings the file, which ends at `end`, to the disk, and marks it so.
enum vkh_status vkh_checkpoint_file_sync(struct vkh_checkpoint_file *file, uint64_t end);

#endif
