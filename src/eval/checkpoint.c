// SPDX-License-Identifier: MIT
#include "eval/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "eval/checkpoint_file.h"
#include "eval/checkpoint_format.h"

// Chunks may take less than a disk's answer; a power cut then costs the last second.
static const double SYNC_SECONDS = 1.0;

struct vkh_checkpoint {
    struct vkh_checkpoint_file file;
    struct vkh_log log;
    uint64_t most_bytes;
    void *results;                     // [most_bytes], while records are scanned
    uint64_t cursor, end;              // where the next record is read; where the last one ends
    struct vkh_checkpoint_record read; // the latest before the cursor
    struct vkh_checkpoint_record last; // the latest before the end
    bool has_read, has_last;
    uint32_t part; // whose pieces were written last
    bool dirty;    // something was written since the latest fsync
    double synced; // when that was
};

static enum vkh_status damaged(const struct vkh_checkpoint *cp, uint64_t at)
{
    return vkh_fail(&cp->log, VKH_ERR_FORMAT, "%s: the checkpoint is damaged at byte %llu",
                    cp->file.path, (unsigned long long)at);
}

static uint64_t hash_of(const struct vkh_checkpoint_record *record, const void *results)
{
    return vkh_checkpoint_hash(record, offsetof(struct vkh_checkpoint_record, hash), results,
                               record->n_bytes);
}

static bool follows(const struct vkh_checkpoint *cp, const struct vkh_checkpoint_record *next)
{
    if (!cp->has_last)
        return next->part == 0 && next->index == 0;
    if (next->part == cp->last.part)
        return next->index == (uint64_t)cp->last.index + 1;
    return next->part == (uint64_t)cp->last.part + 1 && next->index == 0;
}

// Whether a whole record lies at the end so far.
static enum vkh_status scan_one(const struct vkh_checkpoint *cp,
                                struct vkh_checkpoint_record *record, bool *whole)
{
    const uint64_t left = cp->file.size - vkh_min_size(cp->end, cp->file.size);
    *whole = false;
    if (left < sizeof(*record))
        return VKH_OK;
    enum vkh_status status = vkh_checkpoint_file_read(&cp->file, record, sizeof(*record), cp->end);
    if (status != VKH_OK || record->n_bytes > cp->most_bytes ||
        left - sizeof(*record) < record->n_bytes)
        return status;
    status = vkh_checkpoint_file_read(&cp->file, cp->results, record->n_bytes,
                                      cp->end + sizeof(*record));
    *whole = status == VKH_OK && record->hash == hash_of(record, cp->results);
    return status;
}

// Finds the end of the records and cuts off what is torn.
static enum vkh_status scan(struct vkh_checkpoint *cp)
{
    struct vkh_checkpoint_record record;
    bool whole;
    for (;;) {
        const enum vkh_status status = scan_one(cp, &record, &whole);
        if (status != VKH_OK)
            return status;
        if (!whole)
            break;
        if (!follows(cp, &record))
            return damaged(cp, cp->end);
        cp->last = record;
        cp->has_last = true;
        cp->end += sizeof(record) + record.n_bytes;
    }
    if (cp->end < cp->file.durable)
        return damaged(cp, cp->end);
    return cp->end < cp->file.size ? vkh_checkpoint_file_cut(&cp->file, cp->end) : VKH_OK;
}

enum vkh_status vkh_checkpoint_open(const struct vkh_checkpoint_plan *plan,
                                    const struct vkh_log *log, struct vkh_checkpoint **out)
{
    *out = NULL;
    struct vkh_checkpoint *cp = calloc(1, sizeof(*cp));
    if (!cp)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", plan->path);
    if (log)
        cp->log = *log;
    cp->most_bytes = plan->most_bytes;
    cp->part = UINT32_MAX;
    cp->synced = vkh_clock();
    enum vkh_status status = vkh_checkpoint_file_open(plan, &cp->log, &cp->file);
    if (status != VKH_OK) {
        free(cp);
        return status;
    }
    cp->cursor = cp->end = cp->file.kept_at + vkh_round_up(plan->kept_bytes, VKH_CHECKPOINT_BLOCK);
    cp->results = malloc(plan->most_bytes);
    status =
        cp->results ? scan(cp) : vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", plan->path);
    free(cp->results);
    cp->results = NULL;
    if (status == VKH_OK) {
        *out = cp;
        return VKH_OK;
    }
    vkh_checkpoint_file_close(&cp->file);
    free(cp);
    return status;
}

static enum vkh_status sync_now(struct vkh_checkpoint *cp)
{
    if (!cp->dirty)
        return VKH_OK;
    cp->dirty = false;
    const enum vkh_status status = vkh_checkpoint_file_sync(&cp->file, cp->end);
    cp->synced = vkh_clock();
    return status;
}

enum vkh_status vkh_checkpoint_close(struct vkh_checkpoint **pointer)
{
    struct vkh_checkpoint *cp = *pointer;
    if (!cp)
        return VKH_OK;
    const enum vkh_status status = sync_now(cp);
    vkh_checkpoint_file_close(&cp->file);
    free(cp);
    *pointer = NULL;
    return status;
}

uint32_t vkh_checkpoint_done(const struct vkh_checkpoint *cp, uint32_t part, uint32_t n)
{
    if (!cp->has_last || part > cp->last.part)
        return 0;
    return part < cp->last.part ? n : (uint32_t)vkh_min_size((uint64_t)cp->last.index + 1, n);
}

struct vkh_spent vkh_checkpoint_spent(const struct vkh_checkpoint *cp)
{
    return (struct vkh_spent){cp->last.seconds, cp->last.device, cp->last.longest};
}

// The record at the cursor does not count, nor do those after it.
static enum vkh_status drop_rest(struct vkh_checkpoint *cp)
{
    cp->end = cp->cursor;
    cp->last = cp->read;
    cp->has_last = cp->has_read;
    return vkh_checkpoint_file_cut(&cp->file, cp->end);
}

static enum vkh_status read_pieces(const struct vkh_checkpoint *cp,
                                   const struct vkh_checkpoint_pieces *pieces, uint64_t *hash)
{
    uint64_t at = cp->file.kept_at + pieces->at;
    enum vkh_status status = VKH_OK;
    *hash = 0;
    for (uint32_t i = 0; i < pieces->n && status == VKH_OK; i++, at += pieces->bytes) {
        status = vkh_checkpoint_file_read(&cp->file, pieces->data[i], pieces->bytes, at);
        *hash = XXH3_64bits_withSeed(pieces->data[i], pieces->bytes, *hash);
    }
    return status;
}

static bool is_expected(const struct vkh_checkpoint_record *record,
                        const struct vkh_checkpoint_chunk *chunk)
{
    bool expected = record->part == chunk->part && record->index == chunk->index &&
                    record->n_bytes == chunk->n_bytes;
    for (int i = 0; i < VKH_N_KEPT; i++)
        expected &= chunk->kept[i].n == 0 || record->n_kept[i] == chunk->kept[i].n;
    return expected;
}

enum vkh_status vkh_checkpoint_read(struct vkh_checkpoint *cp, struct vkh_checkpoint_chunk *chunk,
                                    bool *found)
{
    struct vkh_checkpoint_record record;
    *found = false;
    if (cp->cursor >= cp->end)
        return damaged(cp, cp->cursor);
    enum vkh_status status =
        vkh_checkpoint_file_read(&cp->file, &record, sizeof(record), cp->cursor);
    if (status != VKH_OK)
        return status;
    if (!is_expected(&record, chunk))
        return damaged(cp, cp->cursor);
    status = vkh_checkpoint_file_read(&cp->file, chunk->results, chunk->n_bytes,
                                      cp->cursor + sizeof(record));
    bool same = true;
    for (int i = 0; i < VKH_N_KEPT && status == VKH_OK; i++) {
        uint64_t hash;
        status = read_pieces(cp, &chunk->kept[i], &hash);
        same &= chunk->kept[i].n == 0 || hash == record.kept_hash[i];
    }
    if (status != VKH_OK)
        return status;
    const uint64_t end = cp->cursor + sizeof(record) + record.n_bytes;
    if (!same)
        return end > cp->file.durable ? drop_rest(cp) : damaged(cp, cp->cursor);
    *found = true;
    cp->cursor = end;
    cp->read = record;
    cp->has_read = true;
    chunk->mark = record.mark;
    chunk->spent = (struct vkh_spent){record.seconds, record.device, record.longest};
    return VKH_OK;
}

// The area is used again by later parts: what is about to be overwritten must be no longer needed.
static enum vkh_status write_pieces(struct vkh_checkpoint *cp, uint32_t part,
                                    const struct vkh_checkpoint_pieces *pieces, uint64_t *hash)
{
    uint64_t at = cp->file.kept_at + pieces->at;
    enum vkh_status status = pieces->n && cp->part != part ? sync_now(cp) : VKH_OK;
    *hash = 0;
    for (uint32_t i = 0; i < pieces->n && status == VKH_OK; i++, at += pieces->bytes) {
        cp->part = part;
        cp->dirty = true;
        status = vkh_checkpoint_file_write(&cp->file, pieces->data[i], pieces->bytes, at);
        *hash = XXH3_64bits_withSeed(pieces->data[i], pieces->bytes, *hash);
    }
    return status;
}

enum vkh_status vkh_checkpoint_append(struct vkh_checkpoint *cp,
                                      const struct vkh_checkpoint_chunk *chunk)
{
    struct vkh_checkpoint_record record = {
        .part = chunk->part,
        .index = chunk->index,
        .n_bytes = chunk->n_bytes,
        .mark = chunk->mark,
        .seconds = chunk->spent.seconds,
        .device = chunk->spent.device,
        .longest = chunk->spent.longest,
    };
    if (cp->cursor < cp->end)
        return damaged(cp, cp->cursor);
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_N_KEPT && status == VKH_OK; i++) {
        record.n_kept[i] = chunk->kept[i].n;
        status = write_pieces(cp, chunk->part, &chunk->kept[i], &record.kept_hash[i]);
    }
    if (status == VKH_OK && chunk->settles)
        status = sync_now(cp);
    record.hash = hash_of(&record, chunk->results);
    if (status == VKH_OK)
        status = vkh_checkpoint_file_write(&cp->file, &record, sizeof(record), cp->end);
    if (status == VKH_OK)
        status = vkh_checkpoint_file_write(&cp->file, chunk->results, chunk->n_bytes,
                                           cp->end + sizeof(record));
    if (status != VKH_OK)
        return status;
    cp->end = cp->cursor = cp->end + sizeof(record) + chunk->n_bytes;
    cp->last = cp->read = record;
    cp->has_last = cp->has_read = true;
    cp->dirty = true;
    return vkh_clock() - cp->synced < SYNC_SECONDS ? VKH_OK : sync_now(cp);
}
