// SPDX-License-Identifier: MIT
// Reports read back and merged, as the library's callers do.
#include <time.h>
#include <unistd.h>

#include "report_test.h"

static struct vkh_ppl_results *read_back(const struct report_test *test)
{
    char path[] = "/tmp/vkhrope-merge-XXXXXX";
    close(mkstemp(path));
    struct vkh_ppl_results *read;
    CHECK(vkh_report_save(&test->results, VKH_REPORT_JSON, path, &report_test_log) == VKH_OK);
    CHECK_MSG(vkh_report_read(path, &report_test_log, &read) == VKH_OK, "%s", report_test_line);
    unlink(path);
    return read;
}

static char *write_json(const struct vkh_ppl_results *results)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(vkh_report_write(results, VKH_REPORT_JSON, &report_test_log, stream) == VKH_OK);
    fclose(stream);
    return text;
}

static void fill(struct report_test *test)
{
    static const struct vkh_ppl_bucket linear[] = {{0, 64, 63}, {64, 128, 64}};
    static const struct vkh_ppl_bucket octaves[] = {{1, 2, 1}};
    static const uint32_t methods[] = {1, 2};
    static const double values[] = {1.5, 2};
    static uint32_t best[] = {UINT32_MAX, 0, 0, 0};
    static struct vkh_ppl_sweep sweep = {"hybrid:cf=1.5..2:0.5", "cf", 2, methods, values, best};
    report_test_example(test);
    for (int i = 0; i < 12; i++) {
        struct vkh_ppl_cell *cell = &test->cells[i];
        cell->nll = cell->macro_nll = test->text_cells[i].nll;
        cell->ppl = cell->macro_ppl = test->text_cells[i].ppl = exp(cell->nll);
        cell->standard_error = cell->ppl * 3.1 / sqrt((double)cell->tokens_scored);
    }
    for (int i = 0; i < 12; i++) {
        const double baseline = test->cells[i % 4].ppl;
        test->cells[i].vs_baseline_percent = (baseline - test->cells[i].ppl) / baseline * 100;
    }
    test->text_name = "book.txt";
    report_test_curves(test, linear, 2, octaves, 1);
    test->results.n_sweeps = 1;
    test->results.sweeps = &sweep;
}

// What is written, read and written again is the same to the byte.
static void test_read(void)
{
    struct report_test test;
    fill(&test);
    static const struct vkh_ppl_regime regimes[] = {{0},
                                                    {VKH_REGIME_WINDOW, 100, 40, false, 0},
                                                    {VKH_REGIME_CHUNKED, 64, 0, false, 0},
                                                    {VKH_REGIME_CHUNKED, 64, 0, true, 3}};
    for (int i = 0; i < 4; i++) {
        test.results.regime = regimes[i];
        struct vkh_ppl_results *read = read_back(&test);
        char *first = write_json(&test.results), *second = write_json(read);
        CHECK_MSG(strcmp(first, second) == 0, "%s\n%s", first, second);
        free(first);
        free(second);
        vkh_ppl_results_destroy(&read);
    }
}

static void test_merge(void)
{
    static const char *const names[] = {"a", "b", "c"};
    struct report_test test;
    fill(&test);
    struct vkh_ppl_results *one = read_back(&test), *two = read_back(&test), *merged;
    const struct vkh_ppl_results *runs[] = {one, two, one};
    CHECK(vkh_report_merge(runs, names, 3, &report_test_log, &merged) == VKH_OK);
    CHECK(merged && !merged->next && merged->n_methods == 3 && merged->n_lengths == 4);
    for (int i = 0; i < 12; i++)
        CHECK(merged->cells[i].nll == one->cells[i].nll &&
              merged->cells[i].seconds == one->cells[i].seconds &&
              merged->cells[i].compression_active == one->cells[i].compression_active);
    CHECK(merged->sweeps[0].best[1] == 0 && merged->seconds == 3 * one->seconds);
    vkh_ppl_results_destroy(&merged);

    // Another regime is another table, which does not mix with the first on the next merge.
    two->regime = (struct vkh_ppl_regime){VKH_REGIME_WINDOW, 100, 40, false, 0};
    CHECK(vkh_report_merge(runs, names, 2, &report_test_log, &merged) == VKH_OK);
    CHECK(merged->next && !merged->next->next && merged->next->regime.window == 100);
    struct vkh_ppl_results *again;
    const struct vkh_ppl_results *both[] = {merged, one};
    CHECK(vkh_report_merge(both, names, 2, &report_test_log, &again) == VKH_OK);
    CHECK(again->next && !again->next->next);
    vkh_ppl_results_destroy(&again);
    vkh_ppl_results_destroy(&merged);

    // On one device the same cell cannot be two numbers.
    two->regime = one->regime;
    two->text_cells[5].nll += 1e-9;
    CHECK(vkh_report_merge(runs, names, 2, &report_test_log, &merged) == VKH_ERR_ARGUMENT);
    CHECK(!merged && strstr(report_test_line, "b: hybrid:cf=1.5 at length 1024 is another number"));
    CHECK(vkh_report_merge(runs, names, 0, &report_test_log, &merged) == VKH_ERR_ARGUMENT);
    vkh_ppl_results_destroy(&one);
    vkh_ppl_results_destroy(&two);
}

// A strange report's methods are looked up among others, not compared with each: 2^16 of them in
// each of two runs, of which half are in both.
static void test_many(void)
{
    enum { N = 1 << 16 };
    static char texts[N + N / 2][8];
    static struct {
        const char *methods[N];
        struct vkh_ppl_method details[N];
        struct vkh_ppl_cell cells[N];
        struct vkh_ppl_text_cell text_cells[N];
    } runs[2];
    static const char *const names[] = {"a", "b"};
    const struct vkh_ppl_results *pieces[2];
    struct report_test tests[2];
    struct vkh_ppl_results *merged;
    for (int i = 0; i < N + N / 2; i++)
        snprintf(texts[i], sizeof(texts[i]), "m%d", i * 7919 % (N + N / 2));
    for (int r = 0; r < 2; r++) {
        report_test_example(&tests[r]);
        struct vkh_ppl_results *results = &tests[r].results;
        for (int m = 0; m < N; m++) {
            runs[r].methods[m] = texts[m + r * N / 2];
            runs[r].details[m] = (struct vkh_ppl_method){"plain", 1, NULL, "Some GPU"};
            runs[r].cells[m] = tests[r].cells[0];
            runs[r].cells[m].method = runs[r].methods[m];
            runs[r].text_cells[m] = tests[r].text_cells[0];
        }
        results->n_methods = N;
        results->n_lengths = 1;
        results->methods = runs[r].methods;
        results->method_details = runs[r].details;
        results->cells = runs[r].cells;
        results->text_cells = runs[r].text_cells;
        pieces[r] = results;
    }
    const clock_t start = clock();
    CHECK(vkh_report_merge(pieces, names, 2, &report_test_log, &merged) == VKH_OK);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK_MSG(seconds < 3, "%g s of the processor", seconds);
    CHECK(merged && !merged->next && merged->n_methods == N + N / 2);
    for (uint32_t m = 0; m < N + N / 2; m += 97)
        CHECK(strcmp(merged->methods[m], texts[m]) == 0);
    vkh_ppl_results_destroy(&merged);

    // Nor do the notes below a table take time, or memory, that grows with the square.
    tests[0].results.n_methods = N / 4;
    FILE *nowhere = fopen("/dev/null", "w");
    const clock_t table = clock();
    CHECK(vkh_report_write(&tests[0].results, VKH_REPORT_TABLE, &report_test_log, nowhere) ==
          VKH_OK);
    const double writing = (double)(clock() - table) / CLOCKS_PER_SEC;
    CHECK_MSG(writing < 0.7, "%g s of the processor for the table", writing);
    fclose(nowhere);
}

int main(void)
{
    test_read();
    test_merge();
    test_many();
    return check_result();
}
