// SPDX-License-Identifier: MIT
// The file by which a run that was killed goes on: a record for each finished chunk, in the order
// of the run, with its results, and an area for what the rest of the run needs of the chunks: keys
// and values, and the rows that later methods are compared with.
//
// Records are appended and each is whole or dropped, by its checksum. What a fsync has brought to
// the disk is marked in the header: a record that is damaged before that mark is an error, behind
// it the end that a kill or a power cut tore off.
#ifndef VKH_EVAL_CHECKPOINT_H
#define VKH_EVAL_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_checkpoint;

struct vkh_checkpoint_plan {
    const char *path;
    const char *identity; // of the run: lines "name value", each ended by a line break
    uint64_t kept_bytes;  // of the area
    uint64_t most_bytes;  // of a record's results
};

// Of the whole run, earlier processes included.
struct vkh_spent {
    double seconds;         // of wall time
    double device, longest; // as vkh_stream_times
};

// Pieces of `bytes` each, one after another from `at` on in the area.
struct vkh_checkpoint_pieces {
    uint64_t at, bytes;
    uint32_t n; // 0: none
    void *const *data;
};

// What pieces are of: keys and values, for the part and what follows it at once; rows before the
// final norm, for as long as methods are compared with them (eval/references.h).
enum { VKH_KEPT_KV, VKH_KEPT_ROWS, VKH_N_KEPT };

// Chunk `index` of the run's part `part` (a shared prefix, or what a track has of its own).
struct vkh_checkpoint_chunk {
    uint32_t part, index;
    uint64_t n_bytes;
    void *results; // [n_bytes]
    struct vkh_checkpoint_pieces kept[VKH_N_KEPT];
    // It ends a part whose pieces are read after later parts: they are on the disk before its
    // record is, so that all of them are there where it is.
    bool settles;
    double mark; // when it was done, in seconds since its part began
    struct vkh_spent spent;
};

// Opens the file, or makes it. The process holds a lock on it until close.
//   VKH_ERR_ARGUMENT     it belongs to another run, whose first differing name the message tells
//   VKH_ERR_FORMAT       it is no checkpoint, or is damaged
//   VKH_ERR_UNSUPPORTED  its format is another version's
//   VKH_ERR_IO           it cannot be read or written, or another process uses it
enum vkh_status vkh_checkpoint_open(const struct vkh_checkpoint_plan *plan,
                                    const struct vkh_log *log, struct vkh_checkpoint **checkpoint);
// Brings everything to the disk. VKH_ERR_IO when it cannot; closed all the same.
enum vkh_status vkh_checkpoint_close(struct vkh_checkpoint **checkpoint);

// How many of the part's `n` chunks have a record.
uint32_t vkh_checkpoint_done(const struct vkh_checkpoint *checkpoint, uint32_t part, uint32_t n);
// Of the last record; zeros without any.
struct vkh_spent vkh_checkpoint_spent(const struct vkh_checkpoint *checkpoint);

// Records are read in their order, all of them before one is appended. Fills results, mark, spent
// and the pieces, where there are to be any; the rest says what is expected. *found is false when
// its pieces did not reach the disk: the record and those after it are then gone.
enum vkh_status vkh_checkpoint_read(struct vkh_checkpoint *checkpoint,
                                    struct vkh_checkpoint_chunk *chunk, bool *found);
// A failure leaves the records before.
enum vkh_status vkh_checkpoint_append(struct vkh_checkpoint *checkpoint,
                                      const struct vkh_checkpoint_chunk *chunk);

#endif
