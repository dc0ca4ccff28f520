// SPDX-License-Identifier: MIT
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/half.h"
#include "base/log.h"
#include "base/size.h"
#include "check.h"
#include "last_line.h"

// In place of the system's: what the library does to the whole process's mask is counted.
static int masks_set;

mode_t umask(mode_t mask)
{
    masks_set++;
    return (mode_t)syscall(SYS_umask, mask);
}

static const struct vkh_log log_to_memory = {keep_line, NULL, VKH_LOG_INFO};

static void test_sizes(void)
{
    uint64_t out;
    CHECK(vkh_mul_size(UINT32_MAX, UINT32_MAX, &out) && out == 0xfffffffe00000001u);
    CHECK(!vkh_mul_size(UINT64_MAX, 2, &out));
    CHECK(!vkh_add_size(UINT64_MAX, 1, &out));
    CHECK(vkh_div_up(UINT64_MAX, 2) == UINT64_MAX / 2 + 1);
    CHECK(vkh_round_up(65, 64) == 128 && vkh_round_up(64, 64) == 64 && vkh_round_up(0, 64) == 0);
}

static void test_half(void)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float value = vkh_from_half((uint16_t)h);
        if ((h & 0x7fff) > 0x7c00) {
            CHECK(isnan(value));
            continue;
        }
        const int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
        double want = exponent == 0    ? ldexp(mantissa, -24)
                      : exponent == 31 ? INFINITY
                                       : ldexp(1024 + mantissa, exponent - 25);
        if (h & 0x8000)
            want = -want;
        CHECK_MSG((double)value == want, "half %04x: %g, want %g", h, (double)value, want);
        CHECK_MSG(vkh_to_half(value) == h, "half %04x came back as %04x", h, vkh_to_half(value));
    }
    CHECK(vkh_to_half(65519.0f) == 0x7bff && vkh_to_half(65520.0f) == 0x7c00);
    CHECK(vkh_to_half(0x1p-25f) == 0 && vkh_to_half(0x1.8p-25f) == 1);
    CHECK(vkh_to_half(1.0f + 0x1p-11f) == 0x3c00 && vkh_to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);
    CHECK(vkh_from_bf16(0x3f80) == 1.0f);
}

static void test_arena(void)
{
    struct vkh_arena arena = {0};
    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        unsigned char *memory = vkh_arena_alloc(&arena, size, 1);
        CHECK(memory && (uintptr_t)memory % 16 == 0 && memory[0] == 0 && memory[size - 1] == 0);
        if (memory)
            memset(memory, 0xa5, size);
    }
    char *text = vkh_arena_strndup(&arena, "hybrid:cf=2", 6);
    CHECK(text && strcmp(text, "hybrid") == 0);
    CHECK(vkh_arena_alloc(&arena, SIZE_MAX / 2, 4) == NULL);
    vkh_arena_fini(&arena);
    CHECK(arena.head == NULL);
}

// A file has the mode that creating it plainly gives, and other threads keep their mask.
static void test_mode(const char *path)
{
    struct vkh_output output;
    struct stat info;
    const mode_t before = umask(027);
    const int set = masks_set;
    CHECK(vkh_output_open(path, &log_to_memory, &output) == VKH_OK);
    CHECK(vkh_output_commit(&output, &log_to_memory) == VKH_OK);
    CHECK(masks_set == set);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0640);
    umask(before);
    unlink(path);
}

// Devices stay devices, links stay links, and a full disk is seen.
static void test_special_files(void)
{
    struct vkh_output output;
    struct stat info;
    CHECK(vkh_output_open("/dev/full", &log_to_memory, &output) == VKH_OK);
    fputs("ppl", output.stream);
    CHECK(vkh_output_commit(&output, &log_to_memory) == VKH_ERR_IO);
    CHECK(strstr(last_line, "/dev/full") && strstr(last_line, strerror(ENOSPC)));
    CHECK(stat("/dev/full", &info) == 0 && S_ISCHR(info.st_mode));
    CHECK(vkh_output_open("/tmp", &log_to_memory, &output) == VKH_ERR_IO);

    char folder[] = "/tmp/vkhrope-base-XXXXXX", path[64], link[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/out", folder);
    snprintf(link, sizeof(link), "%s/link", folder);
    CHECK(vkh_output_open(path, &log_to_memory, &output) == VKH_OK);
    CHECK(vkh_output_commit(&output, &log_to_memory) == VKH_OK && symlink("out", link) == 0);
    CHECK(vkh_output_open(link, &log_to_memory, &output) == VKH_OK);
    fputs("ppl", output.stream);
    CHECK(vkh_output_commit(&output, &log_to_memory) == VKH_OK);
    CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    CHECK(stat(path, &info) == 0 && info.st_size == 3);
    unlink(link);
    unlink(path);
    CHECK(rmdir(folder) == 0);
}

static void test_files(void)
{
    char folder[] = "/tmp/vkhrope-base-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    char path[64];
    snprintf(path, sizeof(path), "%s/out", folder);

    struct vkh_file file;
    CHECK(vkh_file_open(path, &log_to_memory, &file) == VKH_ERR_IO && strstr(last_line, path));
    CHECK(vkh_file_open(folder, &log_to_memory, &file) == VKH_ERR_IO);

    struct vkh_output output;
    CHECK(vkh_output_open(path, &log_to_memory, &output) == VKH_OK);
    fputs("ppl", output.stream);
    CHECK(access(path, F_OK) != 0);
    CHECK(vkh_output_commit(&output, &log_to_memory) == VKH_OK);
    CHECK(vkh_file_open(path, &log_to_memory, &file) == VKH_OK);
    CHECK(file.size == 3 && memcmp(file.data, "ppl", 3) == 0);
    vkh_file_close(&file);

    CHECK(vkh_output_open(path, &log_to_memory, &output) == VKH_OK);
    fputs("lost", output.stream);
    vkh_output_discard(&output);
    CHECK(vkh_file_open(path, &log_to_memory, &file) == VKH_OK && file.size == 3);
    vkh_file_close(&file);

    unlink(path);
    test_mode(path);
    CHECK(rmdir(folder) == 0);
    CHECK(vkh_output_open("/nonexistent/out", &log_to_memory, &output) == VKH_ERR_IO);
    test_special_files();
}

// A name in a file breaks no line and moves no cursor.
static void test_hostile_log(void)
{
    char longest[1100];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest + 1022, "\xe2\x82\xac", 4); // the cut falls into it
    CHECK(vkh_fail(&log_to_memory, VKH_ERR_FORMAT, "a\nb\tc\x1b[2J \xc2\x9b%s",
                   "\xe2\x80\xae\xff") == VKH_ERR_FORMAT);
    CHECK_MSG(strcmp(last_line, "a b c?[2J ???") == 0, "%s", last_line);
    vkh_logf(&log_to_memory, VKH_LOG_INFO, "%s", "caf\xc3\xa9 \xf0\x9f\x98\x80");
    CHECK(strcmp(last_line, "caf\xc3\xa9 \xf0\x9f\x98\x80") == 0);
    vkh_logf(&log_to_memory, VKH_LOG_INFO, "%s", longest);
    CHECK(strlen(last_line) == 1023 && last_line[1022] == '?');
}

static void test_log(void)
{
    CHECK(vkh_fail(&log_to_memory, VKH_ERR_FORMAT, "%s: field %d", "a.gguf", 7) == VKH_ERR_FORMAT);
    CHECK(strcmp(last_line, "a.gguf: field 7") == 0);
    vkh_logf(&log_to_memory, VKH_LOG_DEBUG, "too quiet");
    CHECK(strcmp(last_line, "a.gguf: field 7") == 0);
    CHECK(vkh_fail(NULL, VKH_ERR_IO, "nobody listens") == VKH_ERR_IO);
    for (enum vkh_status status = VKH_OK; status <= VKH_ERR_INTERNAL; status++)
        CHECK(strcmp(vkh_status_text(status), "unknown status") != 0);
}

int main(void)
{
    test_sizes();
    test_half();
    test_arena();
    test_files();
    test_log();
    test_hostile_log();
    const double before = vkh_clock();
    CHECK(vkh_clock() >= before);
    return check_result();
}
