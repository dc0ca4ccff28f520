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
    uint32_t most_rows;
    float *rows;                       // [most_rows], while records are scanned
    uint64_t cursor, end;              // where the next record is read; where the last one ends
    struct vkh_checkpoint_record read; // the latest before the cursor
    struct vkh_checkpoint_record last; // the latest before the end
    bool has_read, has_last;
    uint32_t kv_part; // whose keys and values were written last
    bool dirty;       // something was written since the latest fsync
    double synced;    // when that was
};

static enum vkh_status damaged(const struct vkh_checkpoint *cp, uint64_t at)
{
    return vkh_fail(&cp->log, VKH_ERR_FORMAT, "%s: the checkpoint is damaged at byte %llu",
                    cp->file.path, (unsigned long long)at);
}

static uint64_t record_bytes(uint32_t n_rows)
{
    return sizeof(struct vkh_checkpoint_record) + (uint64_t)n_rows * sizeof(float);
}

static uint64_t hash_of(const struct vkh_checkpoint_record *record, const float *rows)
{
    return vkh_checkpoint_hash(record, offsetof(struct vkh_checkpoint_record, hash), rows,
                               record->n_rows * sizeof(*rows));
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
    if (status != VKH_OK || record->n_rows > cp->most_rows || left < record_bytes(record->n_rows))
        return status;
    status = vkh_checkpoint_file_read(&cp->file, cp->rows, record->n_rows * sizeof(*cp->rows),
                                      cp->end + sizeof(*record));
    *whole = status == VKH_OK && record->hash == hash_of(record, cp->rows);
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
        cp->end += record_bytes(record.n_rows);
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
    cp->most_rows = plan->most_rows;
    cp->kv_part = UINT32_MAX;
    cp->synced = vkh_clock();
    enum vkh_status status = vkh_checkpoint_file_open(plan, &cp->log, &cp->file);
    if (status != VKH_OK) {
        free(cp);
        return status;
    }
    cp->cursor = cp->end = cp->file.kv_at + vkh_round_up(plan->kv_bytes, VKH_CHECKPOINT_BLOCK);
    cp->rows = calloc(plan->most_rows, sizeof(*cp->rows));
    status = cp->rows ? scan(cp) : vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", plan->path);
    free(cp->rows);
    cp->rows = NULL;
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

static enum vkh_status read_kv(const struct vkh_checkpoint *cp,
                               const struct vkh_checkpoint_chunk *chunk, uint64_t *hash)
{
    uint64_t at = cp->file.kv_at + chunk->kv_at;
    enum vkh_status status = VKH_OK;
    *hash = 0;
    for (uint32_t i = 0; i < chunk->n_kv && status == VKH_OK; i++, at += chunk->kv_bytes) {
        status = vkh_checkpoint_file_read(&cp->file, chunk->kv[i], chunk->kv_bytes, at);
        *hash = XXH3_64bits_withSeed(chunk->kv[i], chunk->kv_bytes, *hash);
    }
    return status;
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
    if (record.part != chunk->part || record.index != chunk->index ||
        record.n_rows != chunk->n_rows || (chunk->n_kv && record.n_kv != chunk->n_kv))
        return damaged(cp, cp->cursor);
    status = vkh_checkpoint_file_read(&cp->file, chunk->rows, chunk->n_rows * sizeof(*chunk->rows),
                                      cp->cursor + sizeof(record));
    uint64_t hash = 0;
    if (status == VKH_OK && chunk->n_kv)
        status = read_kv(cp, chunk, &hash);
    if (status != VKH_OK)
        return status;
    const uint64_t end = cp->cursor + record_bytes(record.n_rows);
    if (chunk->n_kv && hash != record.kv_hash)
        return end > cp->file.durable ? drop_rest(cp) : damaged(cp, cp->cursor);
    *found = true;
    cp->cursor = end;
    cp->read = record;
    cp->has_read = true;
    chunk->mark = record.mark;
    chunk->spent = (struct vkh_spent){record.seconds, record.device, record.longest};
    return VKH_OK;
}

// The area is used again by every part: what is about to be overwritten must be no longer needed.
static enum vkh_status write_kv(struct vkh_checkpoint *cp, const struct vkh_checkpoint_chunk *chunk,
                                uint64_t *hash)
{
    uint64_t at = cp->file.kv_at + chunk->kv_at;
    enum vkh_status status = cp->kv_part != chunk->part ? sync_now(cp) : VKH_OK;
    cp->kv_part = chunk->part;
    *hash = 0;
    for (uint32_t i = 0; i < chunk->n_kv && status == VKH_OK; i++, at += chunk->kv_bytes) {
        status = vkh_checkpoint_file_write(&cp->file, chunk->kv[i], chunk->kv_bytes, at);
        *hash = XXH3_64bits_withSeed(chunk->kv[i], chunk->kv_bytes, *hash);
    }
    return status;
}

enum vkh_status vkh_checkpoint_append(struct vkh_checkpoint *cp,
                                      const struct vkh_checkpoint_chunk *chunk)
{
    struct vkh_checkpoint_record record = {
        .part = chunk->part,
        .index = chunk->index,
        .n_rows = chunk->n_rows,
        .n_kv = chunk->n_kv,
        .mark = chunk->mark,
        .seconds = chunk->spent.seconds,
        .device = chunk->spent.device,
        .longest = chunk->spent.longest,
    };
    if (cp->cursor < cp->end)
        return damaged(cp, cp->cursor);
    enum vkh_status status = VKH_OK;
    if (chunk->n_kv)
        status = write_kv(cp, chunk, &record.kv_hash);
    record.hash = hash_of(&record, chunk->rows);
    if (status == VKH_OK)
        status = vkh_checkpoint_file_write(&cp->file, &record, sizeof(record), cp->end);
    if (status == VKH_OK)
        status = vkh_checkpoint_file_write(
            &cp->file, chunk->rows, chunk->n_rows * sizeof(*chunk->rows), cp->end + sizeof(record));
    if (status != VKH_OK)
        return status;
    cp->end = cp->cursor = cp->end + record_bytes(chunk->n_rows);
    cp->last = cp->read = record;
    cp->has_last = cp->has_read = true;
    cp->dirty = true;
    return vkh_clock() - cp->synced < SYNC_SECONDS ? VKH_OK : sync_now(cp);
}
