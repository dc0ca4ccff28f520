// SPDX-License-Identifier: MIT
// The file of a checkpoint, cut off and damaged at every byte.
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "check.h"
#include "checkpoint_test.h"
#include "eval/checkpoint_format.h"
#include "last_line.h"

static char folder[] = "/tmp/vkhrope-checkpoint-XXXXXX";
static char path[64], other_path[64];

static enum vkh_status open_made(const char *name, struct vkh_checkpoint **cp)
{
    const struct vkh_checkpoint_plan plan = made_plan(name);
    last_line[0] = '\0';
    return vkh_checkpoint_open(&plan, &log_to_line, cp);
}

static void append(struct vkh_checkpoint *cp, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        struct made made;
        made_fill(&made, i);
        CHECK(vkh_checkpoint_append(cp, &made.chunk) == VKH_OK);
    }
}

static uint32_t count(const struct vkh_checkpoint *cp)
{
    return vkh_checkpoint_done(cp, 0, 3) + vkh_checkpoint_done(cp, 1, 2) +
           vkh_checkpoint_done(cp, 2, 1);
}

// Reads what there is; keys and values from chunk `kv_from` on, which is where those of the parts
// before may be overwritten. Returns how many chunks have come back as they were.
static uint32_t read_all(struct vkh_checkpoint *cp, uint32_t kv_from)
{
    const uint32_t n = count(cp);
    uint32_t i = 0;
    for (bool found = true; i < n; i++) {
        struct made made;
        made_describe(&made, i, i >= kv_from, true);
        if (vkh_checkpoint_read(cp, &made.chunk, &found) != VKH_OK || !found)
            break;
        CHECK_MSG(made_same(&made, i), "chunk %u of %u is not what was written", i, n);
    }
    CHECK(count(cp) == i);
    return i;
}

struct content {
    unsigned char *data;
    size_t size;
};

static struct content read_file(const char *name)
{
    struct stat info;
    struct content content = {NULL, 0};
    FILE *file = fopen(name, "rb");
    if (file && fstat(fileno(file), &info) == 0) {
        content.size = (size_t)info.st_size;
        content.data = malloc(content.size);
        CHECK(content.data && fread(content.data, 1, content.size, file) == content.size);
    }
    if (file)
        fclose(file);
    CHECK(content.data != NULL);
    return content;
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(name, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size);
    CHECK(file && fclose(file) == 0);
}

static void test_whole(void)
{
    struct vkh_checkpoint *cp;
    CHECK(open_made(path, &cp) == VKH_OK && count(cp) == 0);
    CHECK(vkh_checkpoint_spent(cp).seconds == 0.0);
    append(cp, 0, 4);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK && cp == NULL);
    CHECK(open_made(path, &cp) == VKH_OK && count(cp) == 4);
    CHECK(vkh_checkpoint_done(cp, 0, 3) == 3 && vkh_checkpoint_done(cp, 1, 2) == 1);
    CHECK(vkh_checkpoint_spent(cp).seconds == 4.0 && vkh_checkpoint_spent(cp).device == 3.5);

    struct vkh_checkpoint *second;
    CHECK(open_made(path, &second) == VKH_ERR_IO && second == NULL);
    CHECK(strstr(last_line, "another process is using this checkpoint"));

    struct made made;
    made_fill(&made, 4); // before what is there was read
    CHECK(vkh_checkpoint_append(cp, &made.chunk) == VKH_ERR_FORMAT);
    CHECK(read_all(cp, 0) == 4);
    bool found;
    CHECK(vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_ERR_FORMAT && !found);
    append(cp, 4, MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    CHECK(open_made(path, &cp) == VKH_OK && count(cp) == MADE_CHUNKS);
    made_describe(&made, 0, true, true);
    made.chunk.n_bytes--; // of another layout
    CHECK(vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_ERR_FORMAT);
    CHECK(read_all(cp, 0) == MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
}

// Where record i begins; that of MADE_CHUNKS is the file's end.
static size_t record_at(uint32_t record)
{
    const struct vkh_checkpoint_plan plan = made_plan(path);
    size_t at = vkh_checkpoint_marks_at(strlen(plan.identity)) + 2 * VKH_CHECKPOINT_BLOCK;
    for (uint32_t i = 0; i < record; i++)
        at += sizeof(struct vkh_checkpoint_record) + made_chunks[i].n_words * sizeof(float);
    return at;
}

// What a kill leaves of a file that was synced after `synced` records, at every byte: the whole
// ones. Goes on from there to the same file.
static void tear(const struct content *whole, uint32_t synced)
{
    struct vkh_checkpoint *cp;
    uint32_t n = synced;
    for (size_t size = record_at(synced); size <= whole->size && whole->data; size++) {
        while (n < MADE_CHUNKS && record_at(n + 1) <= size)
            n++;
        write_file(other_path, whole->data, size);
        if (open_made(other_path, &cp) != VKH_OK || count(cp) != n) {
            CHECK_MSG(false, "%zu of %zu bytes: not %u chunks: %s", size, whole->size, n,
                      last_line);
            return;
        }
        CHECK(read_all(cp, 0) == n);
        append(cp, n, MADE_CHUNKS);
        CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
        CHECK(open_made(other_path, &cp) == VKH_OK && read_all(cp, 0) == MADE_CHUNKS);
        CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    }
}

static void test_torn(void)
{
    struct vkh_checkpoint *cp;
    unlink(path);
    CHECK(open_made(path, &cp) == VKH_OK);
    append(cp, 0, 3);
    const struct content prefix = read_file(path);
    append(cp, 3,
           MADE_CHUNKS); // synced before the next part's keys and values, and its last record
    const struct content whole = read_file(path);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    CHECK(prefix.size == record_at(3) && whole.size == record_at(MADE_CHUNKS));
    tear(&prefix, 0);
    tear(&whole, 4);
    write_file(other_path, whole.data, record_at(4) - 1);
    CHECK(open_made(other_path, &cp) == VKH_ERR_FORMAT);
    free(prefix.data);
    free(whole.data);
}

// Records that reached the disk when their keys and values did not.
static void test_lost_kv(void)
{
    struct vkh_checkpoint *cp;
    unlink(path);
    CHECK(open_made(path, &cp) == VKH_OK);
    append(cp, 0, 3);
    const struct content torn = read_file(path);
    append(cp, 3, 4);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    const struct content synced = read_file(path);
    const size_t kv_at = record_at(0) - VKH_CHECKPOINT_BLOCK;
    torn.data[kv_at + made_chunks[1].kv_at + 3] ^= 1;
    write_file(other_path, torn.data, torn.size);
    CHECK(open_made(other_path, &cp) == VKH_OK && count(cp) == 3);
    CHECK(read_all(cp, 0) == 1 && vkh_checkpoint_spent(cp).seconds == 1.0);
    append(cp, 1, MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    CHECK(open_made(other_path, &cp) == VKH_OK && read_all(cp, 0) == MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);

    synced.data[kv_at + made_chunks[1].kv_at + 3] ^= 1;
    write_file(other_path, synced.data, synced.size);
    CHECK(open_made(other_path, &cp) == VKH_OK && count(cp) == 4);
    struct made made;
    bool found;
    made_describe(&made, 0, true, true);
    CHECK(vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_OK && found);
    made_describe(&made, 1, true, true);
    CHECK(vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_ERR_FORMAT && !found);
    CHECK(strstr(last_line, "the checkpoint is damaged at byte"));
    made_describe(&made, 1, false, true); // whose keys and values are not wanted
    CHECK(vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_OK && found && made_same(&made, 1));
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    free(torn.data);
    free(synced.data);
}

// A record whose rows did not reach the disk is no more than its keys and values; that of the last
// chunk is written after all rows of the part are there.
static void test_lost_rows(void)
{
    struct vkh_checkpoint *cp;
    unlink(path);
    CHECK(open_made(path, &cp) == VKH_OK);
    append(cp, 0, 4);
    const struct content torn = read_file(path);
    append(cp, 4, 5);
    const struct content settled = read_file(path);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    const size_t rows_at = record_at(0) - VKH_CHECKPOINT_BLOCK + made_chunks[3].rows_at;
    torn.data[rows_at + 2] ^= 1;
    write_file(other_path, torn.data, torn.size);
    CHECK(open_made(other_path, &cp) == VKH_OK && count(cp) == 4 && read_all(cp, 3) == 3);
    append(cp, 3, MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    settled.data[rows_at + 2] ^= 1;
    write_file(other_path, settled.data, settled.size);
    CHECK(open_made(other_path, &cp) == VKH_OK && count(cp) == 5);
    struct made made;
    bool found;
    for (uint32_t i = 0; i < 4; i++) {
        made_describe(&made, i, false, true);
        CHECK((vkh_checkpoint_read(cp, &made.chunk, &found) == VKH_OK) == (i < 3));
    }
    CHECK_MSG(strstr(last_line, "the checkpoint is damaged at byte"), "'%s'", last_line);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    free(torn.data);
    free(settled.data);
}

// After a sync no byte of the header or of a record changes unnoticed, and none is missing.
static void test_damaged(void)
{
    struct vkh_checkpoint *cp;
    unlink(path);
    CHECK(open_made(path, &cp) == VKH_OK);
    append(cp, 0, MADE_CHUNKS);
    CHECK(vkh_checkpoint_close(&cp) == VKH_OK);
    const struct content whole = read_file(path);
    const size_t header = sizeof(struct vkh_checkpoint_header) + strlen(made_plan(path).identity);
    for (size_t i = 0; i < whole.size && whole.data; i = i == header ? record_at(0) : i + 1) {
        whole.data[i] ^= 0x10;
        write_file(other_path, whole.data, whole.size);
        whole.data[i] ^= 0x10;
        const enum vkh_status status = open_made(other_path, &cp);
        const bool padding = i == header;
        CHECK_MSG(padding ? status == VKH_OK
                          : status == VKH_ERR_FORMAT || status == VKH_ERR_UNSUPPORTED,
                  "byte %zu: status %d", i, (int)status);
        vkh_checkpoint_close(&cp);
    }
    for (size_t size = 0; size < whole.size && whole.data; size += size < header ? 1 : 7) {
        write_file(other_path, whole.data, size);
        const enum vkh_status status = open_made(other_path, &cp);
        // Without its marks the file is one whose records never came.
        const size_t marks = vkh_checkpoint_marks_at(strlen(made_plan(path).identity));
        const bool young = size >= header && size < marks + sizeof(struct vkh_checkpoint_mark);
        CHECK_MSG(young ? status == VKH_OK && count(cp) == 0 : status == VKH_ERR_FORMAT,
                  "%zu bytes: status %d", size, (int)status);
        vkh_checkpoint_close(&cp);
    }
    free(whole.data);
}

static void check_refused(struct vkh_checkpoint_plan plan, enum vkh_status want, const char *says)
{
    struct vkh_checkpoint *cp;
    last_line[0] = '\0';
    CHECK(vkh_checkpoint_open(&plan, &log_to_line, &cp) == want && cp == NULL);
    CHECK_MSG(strstr(last_line, says) != NULL, "'%s', not '%s'", last_line, says);
}

static void test_refused(void)
{
    struct vkh_checkpoint_plan plan = made_plan(path);
    plan.identity = "model 0123\nmethods baseline hybrid:cf=3\n";
    check_refused(plan, VKH_ERR_ARGUMENT,
                  ": the checkpoint is another run's: methods is \"baseline hybrid:cf=2\" there, "
                  "\"baseline hybrid:cf=3\" here");
    plan.identity = "model 0124\nmethods baseline hybrid:cf=2\n";
    check_refused(plan, VKH_ERR_ARGUMENT, "model is \"0123\" there, \"0124\" here");
    plan.identity = "model 0123\nchunk 64\nmethods baseline hybrid:cf=2\n";
    check_refused(plan, VKH_ERR_ARGUMENT, "chunk is \"\" there, \"64\" here");
    write_file(other_path, "{\"results\": 1}, which is not to be overwritten", 46);
    check_refused(made_plan(other_path), VKH_ERR_FORMAT, "not a checkpoint of vkhrope");
    check_refused(made_plan("/"), VKH_ERR_IO, "/: cannot open");
    check_refused(made_plan("/dev/null"), VKH_ERR_IO, "/dev/null: not a regular file");
    check_refused(made_plan("/nowhere/c"), VKH_ERR_IO, "/nowhere/c: cannot create");
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/run", folder);
    snprintf(other_path, sizeof(other_path), "%s/copy", folder);
    test_whole();
    test_torn();
    test_lost_kv();
    test_lost_rows();
    test_damaged();
    test_refused();
    unlink(path);
    unlink(other_path);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
