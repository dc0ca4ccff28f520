// SPDX-License-Identifier: MIT
// Reports and negative log-likelihoods on their way to a file, and what does not get there.
#include <errno.h>
#include <unistd.h>

#include "report_test.h"

static void test_not_a_number(void)
{
    struct report_test test;
    for (int what = 0; what < 5; what++) {
        report_test_example(&test);
        double *const fields[] = {&test.cells[5].ppl, &test.cells[5].nll,
                                  &test.cells[5].standard_error, &test.cells[5].seconds,
                                  &test.cells[5].vs_baseline_percent};
        *fields[what] = what == 0 ? NAN : INFINITY;
        for (int format = VKH_REPORT_TABLE; format <= VKH_REPORT_JSON; format++) {
            char *text = NULL;
            size_t size;
            FILE *stream = open_memstream(&text, &size);
            CHECK(vkh_report_write(&test.results, (enum vkh_report_format)format, &report_test_log,
                                   stream) == VKH_ERR_INTERNAL);
            fclose(stream);
            CHECK(size == 0 && strstr(report_test_line, "hybrid:cf=1.5 at length 1024"));
            free(text);
        }
    }
}

static void test_full_disk(void)
{
    struct report_test test;
    report_test_example(&test);
    if (access("/dev/full", W_OK) != 0)
        return;
    for (int format = VKH_REPORT_TABLE; format <= VKH_REPORT_JSON; format++) {
        FILE *full = fopen("/dev/full", "wb");
        report_test_line[0] = '\0';
        CHECK(vkh_report_write(&test.results, (enum vkh_report_format)format, &report_test_log,
                               full) == VKH_ERR_IO);
        CHECK_MSG(strstr(report_test_line, strerror(ENOSPC)), "said: %s", report_test_line);
        fclose(full);
    }
}

static void test_files(void)
{
    char folder[] = "/tmp/vkhrope-report-XXXXXX", path[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/results.json", folder);
    struct report_test test;
    report_test_example(&test);
    CHECK(vkh_report_save(&test.results, VKH_REPORT_JSON, path, &report_test_log) == VKH_OK);
    char *saved = report_test_read(path), *written = report_test_write(&test, VKH_REPORT_JSON);
    CHECK(saved && strcmp(saved, written) == 0);
    free(saved);
    // a failure leaves the old file
    test.cells[0].ppl = NAN;
    CHECK(vkh_report_save(&test.results, VKH_REPORT_CSV, path, &report_test_log) ==
          VKH_ERR_INTERNAL);
    saved = report_test_read(path);
    CHECK(saved && strcmp(saved, written) == 0);
    free(saved);
    free(written);
    unlink(path);
    CHECK(rmdir(folder) == 0);
    report_test_example(&test);
    CHECK(vkh_report_save(&test.results, VKH_REPORT_CSV, "/nonexistent/a.csv", &report_test_log) ==
          VKH_ERR_IO);
    CHECK(strstr(report_test_line, "/nonexistent/a.csv"));
}

static void test_nll(void)
{
    char path[] = "/tmp/vkhrope-nll-XXXXXX";
    close(mkstemp(path));
    static const char *const methods[] = {"baseline", "hybrid:cf=2"};
    static const uint32_t lengths[] = {2, 4};
    static const double ppl[] = {2, 3, 4, 5};
    static const int32_t ids[] = {7, 128000, 0, 42, 99};
    static const struct vkh_ppl_text text = {NULL, ids, 5};
    float first[] = {0, 0.1f, 1e-30f, 17}, second[] = {0, 1.0f / 3, 2, 3};
    float *nll[] = {first, second};
    struct report_test test;
    report_test_fill(&test, 2, 2, methods, 2, lengths, ppl);
    CHECK(vkh_report_nll(&test.results, &text, path, &report_test_log) == VKH_ERR_ARGUMENT);
    test.results.nll = nll;
    static const char want[] = "method\tposition\tid\tnll\n"
                               "baseline\t1\t128000\t0.100000001\n"
                               "baseline\t2\t0\t1e-30\n"
                               "baseline\t3\t42\t17\n"
                               "hybrid:cf=2\t1\t128000\t0.333333343\n"
                               "hybrid:cf=2\t2\t0\t2\n"
                               "hybrid:cf=2\t3\t42\t3\n";
    report_test_nll(&test, &text, path, want);
    second[3] = NAN;
    CHECK(vkh_report_nll(&test.results, &text, path, &report_test_log) == VKH_ERR_INTERNAL);
    CHECK(strstr(report_test_line, "hybrid:cf=2 at position 3"));
    unlink(path);
}

int main(void)
{
    test_not_a_number();
    test_full_disk();
    test_files();
    test_nll();
    return check_result();
}
