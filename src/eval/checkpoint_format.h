// SPDX-License-Identifier: MIT
// The bytes of a checkpoint, in the machine's own byte order:
//   [header][identity], padded to a block
//   [marks], a block
//   [area of what chunks keep], whole blocks
//   [record][results] ...
// Checksums are XXH3's of 64 bits; the second of two runs of bytes is seeded by that of the first.
#ifndef VKH_EVAL_CHECKPOINT_FORMAT_H
#define VKH_EVAL_CHECKPOINT_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#include "base/size.h"
#include "eval/checkpoint.h"

enum {
    VKH_CHECKPOINT_FORMAT = 2,
    VKH_CHECKPOINT_BLOCK = 4096,
    VKH_CHECKPOINT_MARKS = 2,
    VKH_CHECKPOINT_MOST_IDENTITY = 64 << 20,
};

static const char vkh_checkpoint_magic[8] = "vkhropeC";

struct vkh_checkpoint_header {
    char magic[8];
    uint32_t format, identity_bytes;
    uint64_t hash; // of what is above and the identity
};

// The file up to `end` has reached the disk. They are written in turn, so that one is whole.
struct vkh_checkpoint_mark {
    uint64_t end, hash;
};

struct vkh_checkpoint_record {
    uint32_t part, index, n_kept[VKH_N_KEPT];
    uint64_t kept_hash[VKH_N_KEPT];
    uint64_t n_bytes;
    double mark, seconds, device, longest;
    uint64_t hash; // of what is above and the results
};

static inline uint64_t vkh_checkpoint_hash(const void *data, size_t size, const void *then,
                                           size_t then_size)
{
    return XXH3_64bits_withSeed(then, then_size, XXH3_64bits(data, size));
}

static inline uint64_t vkh_checkpoint_marks_at(uint64_t identity_bytes)
{
    return vkh_round_up(sizeof(struct vkh_checkpoint_header) + identity_bytes,
                        VKH_CHECKPOINT_BLOCK);
}

#endif
