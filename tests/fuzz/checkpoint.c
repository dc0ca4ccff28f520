// SPDX-License-Identifier: MIT
// Checkpoints. Of one that opens, what is read back is what was written: once as the bytes are, and
// once with the checksums put right, which leaves lies to be found by what else is known.
#include "checkpoint_test.h"
#include "eval/checkpoint_format.h"
#include "fuzz.h"

static uint32_t count(const struct vkh_checkpoint *cp)
{
    return vkh_checkpoint_done(cp, 0, 3) + vkh_checkpoint_done(cp, 1, 2) +
           vkh_checkpoint_done(cp, 2, 1);
}

// As a run goes on: the results of what is finished, what is kept of what is not, then the rest.
static enum vkh_status go_on(struct vkh_checkpoint *cp, bool honest)
{
    const uint32_t n = count(cp);
    enum vkh_status status = VKH_OK;
    PROMISE(n <= MADE_CHUNKS);
    for (uint32_t i = 0; i < n && i < count(cp) && status == VKH_OK; i++) {
        struct made made;
        bool found;
        made_describe(&made, i, n < MADE_CHUNKS, n < MADE_CHUNKS);
        status = vkh_checkpoint_read(cp, &made.chunk, &found);
        PROMISE(!honest || !found || made_same(&made, i));
        PROMISE(status == VKH_OK || !found);
    }
    for (uint32_t i = count(cp); i < MADE_CHUNKS && status == VKH_OK; i++) {
        struct made made;
        made_fill(&made, i);
        status = vkh_checkpoint_append(cp, &made.chunk);
    }
    return status;
}

static bool try_one(const uint8_t *data, size_t size, bool honest)
{
    char path[32];
    const int fd = fuzz_file(data, size, path);
    const struct vkh_checkpoint_plan plan = made_plan(path);
    struct vkh_checkpoint *cp;
    enum vkh_status status = vkh_checkpoint_open(&plan, &fuzz_log, &cp);
    PROMISE(fuzz_is_verdict(status) || (!honest && status == VKH_ERR_ARGUMENT));
    PROMISE((status == VKH_OK) == (cp != NULL));
    if (cp)
        status = go_on(cp, honest);
    PROMISE(fuzz_is_verdict(status) || status == VKH_ERR_ARGUMENT);
    PROMISE(vkh_checkpoint_close(&cp) == VKH_OK);
    close(fd);
    return status == VKH_OK;
}

static void seal_header(uint8_t *data, size_t size)
{
    struct vkh_checkpoint_header header;
    if (size < sizeof(header))
        return;
    memcpy(&header, data, sizeof(header));
    if (header.identity_bytes > size - sizeof(header))
        return;
    header.hash = vkh_checkpoint_hash(data, offsetof(struct vkh_checkpoint_header, hash),
                                      data + sizeof(header), header.identity_bytes);
    memcpy(data, &header, sizeof(header));
}

static void seal_records(uint8_t *data, size_t size, size_t at)
{
    struct vkh_checkpoint_record record;
    while (at < size && size - at >= sizeof(record)) {
        memcpy(&record, data + at, sizeof(record));
        if (record.n_bytes > size - at - sizeof(record))
            return;
        record.hash = vkh_checkpoint_hash(data + at, offsetof(struct vkh_checkpoint_record, hash),
                                          data + at + sizeof(record), record.n_bytes);
        memcpy(data + at, &record, sizeof(record));
        at += sizeof(record) + record.n_bytes;
    }
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    const size_t marks = vkh_checkpoint_marks_at(strlen(made_plan("").identity));
    const bool accepted = try_one(data, size, true);
    uint8_t *sealed = malloc(size + 1);
    PROMISE(sealed);
    memcpy(sealed, data, size);
    seal_header(sealed, size);
    seal_records(sealed, size, marks + 2 * VKH_CHECKPOINT_BLOCK);
    try_one(sealed, size, false);
    free(sealed);
    return accepted;
}
