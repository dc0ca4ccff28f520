// SPDX-License-Identifier: MIT
// Reports in JSON, and behind a mark a published table to show beside them. One that is accepted
// can be written in every format, merges with itself or is a shard, and is the same when it is read
// back.
#include <vkhrope/report.h>

#include "fuzz.h"

static char *write_text(const struct vkh_ppl_results *results, enum vkh_report_format format,
                        size_t *size)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);
    PROMISE(stream);
    PROMISE(vkh_report_write(results, format, &fuzz_log, stream) == VKH_OK);
    fclose(stream);
    return text;
}

static void check_again(const char *text, size_t size)
{
    char path[32];
    const int fd = fuzz_file((const uint8_t *)text, size, path);
    struct vkh_ppl_results *results;
    size_t again_size;
    PROMISE(vkh_report_read(path, &fuzz_log, &results) == VKH_OK);
    char *again = write_text(results, VKH_REPORT_JSON, &again_size);
    PROMISE(again_size == size && memcmp(again, text, size) == 0);
    free(again);
    vkh_ppl_results_destroy(&results);
    close(fd);
}

static void use(const struct vkh_ppl_results *results)
{
    static const char *const names[] = {"fuzz", "fuzz"};
    const struct vkh_ppl_results *twice[] = {results, results};
    struct vkh_ppl_results *merged;
    size_t size;
    char *text = write_text(results, VKH_REPORT_JSON, &size);
    check_again(text, size);
    free(text);
    for (int format = VKH_REPORT_TABLE; format <= VKH_REPORT_CSV; format++)
        free(write_text(results, (enum vkh_report_format)format, &size));
    for (uint32_t n = 1; n <= 2; n++) {
        const enum vkh_status status = vkh_report_merge(twice, names, n, &fuzz_log, &merged);
        PROMISE(status == VKH_OK || status == VKH_ERR_ARGUMENT);
        PROMISE((status == VKH_OK) == (merged != NULL));
        if (merged)
            free(write_text(merged, VKH_REPORT_JSON, &size));
        vkh_ppl_results_destroy(&merged);
    }
}

// The page without its plots: there is no gnuplot in an empty PATH.
static void show_beside(const struct vkh_ppl_results *results, const uint8_t *table, size_t size)
{
    char path[32];
    const int fd = fuzz_file(table, size, path);
    const struct vkh_report_html_options options = {.command = "fuzz '<", .reference = path};
    PROMISE(setenv("PATH", "", 1) == 0);
    PROMISE(fuzz_is_verdict(vkh_report_html(results, &options, "/dev/null", &fuzz_log)));
    close(fd);
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    const uint8_t *table;
    size_t table_size;
    char path[32];
    const int fd = fuzz_file(data, fuzz_split(data, size, &table, &table_size), path);
    struct vkh_ppl_results *results;
    const enum vkh_status status = vkh_report_read(path, &fuzz_log, &results);
    close(fd);
    PROMISE(fuzz_is_verdict(status) && (status == VKH_OK) == (results != NULL));
    if (results)
        use(results);
    if (results && table)
        show_beside(results, table, table_size);
    vkh_ppl_results_destroy(&results);
    return status == VKH_OK;
}
