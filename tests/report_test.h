// SPDX-License-Identifier: MIT
// Results made by hand, for the tests of reports.
#ifndef VKH_TESTS_REPORT_TEST_H
#define VKH_TESTS_REPORT_TEST_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/report.h>

#include "check.h"

enum { REPORT_TEST_MOST = 12 };

struct report_test {
    struct vkh_ppl_results results;
    const char *methods[REPORT_TEST_MOST];
    uint32_t lengths[REPORT_TEST_MOST];
    struct vkh_ppl_cell cells[REPORT_TEST_MOST * REPORT_TEST_MOST];
    struct vkh_ppl_text_cell text_cells[REPORT_TEST_MOST * REPORT_TEST_MOST];
    struct vkh_ppl_method details[REPORT_TEST_MOST];
    const char *text_name;
    uint64_t text_tokens;
    uint32_t text_used;
    uint64_t text_digest;
    struct {
        struct vkh_ppl_text_cell parts[REPORT_TEST_MOST];
        double nll[REPORT_TEST_MOST], error[REPORT_TEST_MOST];
    } curves[VKH_CURVES];
};

static char report_test_line[2048];

static void report_test_keep(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(report_test_line, sizeof(report_test_line), "%s", line);
}

static const struct vkh_log report_test_log = {report_test_keep, NULL, VKH_LOG_INFO};

// ppl is [n_methods][n_lengths]. A method other than the baseline is active beyond `original`;
// the gain is against the method called "baseline", NaN without one. `test` must stay where it is.
static inline void report_test_fill(struct report_test *test, uint32_t original, uint32_t n_methods,
                                    const char *const *methods, uint32_t n_lengths,
                                    const uint32_t *lengths, const double *ppl)
{
    *test = (struct report_test){.results = {
                                     .model = "small",
                                     .architecture = "llama",
                                     .weight_type = "F16",
                                     .device = "Some GPU",
                                     .driver = "somedriver 1.2.3",
                                     .variants = "matmul=floor,attention=floor",
                                     .original_max_len = original,
                                     .original_max_len_from_model = true,
                                     .own_scaling = "",
                                     .tokens_available = 5000,
                                     .n_texts = 1,
                                     .chunk = 256,
                                     .n_methods = n_methods,
                                     .n_lengths = n_lengths,
                                     .memory = {.weights = 11 << 20,
                                                .kv = 3 << 20,
                                                .activations = 20 << 20,
                                                .peak = 34 << 20,
                                                .device = (uint64_t)16 << 30,
                                                .limit = (uint64_t)16 << 30,
                                                .fits = true,
                                                .kv_type = "F32",
                                                .batches = 1},
                                     .seconds = 10.25,
                                     .device_seconds = 9.84,
                                     .longest_submit = 0.3125,
                                     .device_tokens = 7680,
                                     .n_devices = 1,
                                 }};
    test->results.methods = test->methods;
    test->results.lengths = test->lengths;
    test->results.cells = test->cells;
    test->results.text_cells = test->text_cells;
    test->results.method_details = test->details;
    test->results.text_names = &test->text_name;
    test->results.text_tokens = &test->text_tokens;
    test->results.text_used = &test->text_used;
    test->results.text_digests = &test->text_digest;
    test->results.block = (struct vkh_ppl_block){.all_texts = 1, .all_methods = n_methods};
    test->text_name = "";
    test->text_tokens = 5000;
    test->text_digest = 0x0123456789abcdef;
    test->text_used = n_lengths ? lengths[n_lengths - 1] : 0;
    const double *baseline = NULL;
    for (uint32_t m = 0; m < n_methods; m++) {
        test->methods[m] = methods[m];
        test->details[m] = (struct vkh_ppl_method){methods[m], 1, NULL, "Some GPU"};
        if (strcmp(methods[m], "baseline") == 0)
            baseline = ppl + m * n_lengths;
    }
    memcpy(test->lengths, lengths, n_lengths * sizeof(*lengths));
    for (uint32_t m = 0; m < n_methods; m++) {
        for (uint32_t l = 0; l < n_lengths; l++) {
            const double value = ppl[m * n_lengths + l];
            test->cells[m * n_lengths + l] = (struct vkh_ppl_cell){
                .method = methods[m],
                .length = lengths[l],
                .tokens_scored = lengths[l] - 1,
                .nll = log(value),
                .ppl = value,
                .standard_error = value * 3.1 / sqrt(lengths[l] - 1.0),
                .texts = 1,
                .text_error = NAN,
                .macro_nll = log(value),
                .macro_ppl = value,
                .macro_error = NAN,
                .compression_active = strcmp(methods[m], "baseline") != 0 && lengths[l] > original,
                .vs_baseline_percent = baseline ? (baseline[l] - value) / baseline[l] * 100 : NAN,
                .seconds = lengths[l] / 800.0,
                .tokens_per_second = 800.0,
            };
            test->text_cells[m * n_lengths + l] =
                (struct vkh_ppl_text_cell){lengths[l] - 1, log(value), value, 3.1};
        }
    }
}

// Figures of a real model trained at 512 tokens.
static inline void report_test_example(struct report_test *test)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};
    static const uint32_t lengths[] = {512, 1024, 2048, 3072};
    static const double ppl[] = {48.5, 51.4, 59.4, 79.3, 48.5, 58.1,
                                 71.3, 76.5, 48.5, 71.0, 88.3, 98.9};
    report_test_fill(test, 512, 3, methods, 4, lengths, ppl);
}

// Curves of one text in these buckets: NLL 1, 2, 3, …, with errors of a half down to an eighth.
static inline void report_test_curves(struct report_test *test, const struct vkh_ppl_bucket *linear,
                                      uint32_t n_linear, const struct vkh_ppl_bucket *octaves,
                                      uint32_t n_octaves)
{
    static const double errors[] = {0.5, 0.25, 0.5, 0.25, 0.5, 0.125};
    for (int c = 0; c < VKH_CURVES; c++) {
        const uint32_t n = c == VKH_CURVE_LINEAR ? n_linear : n_octaves;
        const struct vkh_ppl_bucket *buckets = c == VKH_CURVE_LINEAR ? linear : octaves;
        for (uint32_t i = 0; i < test->results.n_methods * n; i++) {
            const uint32_t tokens = (uint32_t)buckets[i % n].tokens;
            const double nll = i + 1.0, deviation = errors[i % 6] * sqrt(tokens);
            test->curves[c].parts[i] = (struct vkh_ppl_text_cell){tokens, nll, exp(nll), deviation};
            test->curves[c].nll[i] = nll;
            test->curves[c].error[i] = deviation / sqrt(tokens);
        }
        test->results.curves[c] = (struct vkh_ppl_curve){
            n, buckets, test->curves[c].nll, test->curves[c].error, test->curves[c].parts};
    }
}

// The text that a format gives; the caller frees it.
static inline char *report_test_write(const struct report_test *test, enum vkh_report_format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    const enum vkh_status status =
        vkh_report_write(&test->results, format, &report_test_log, stream);
    CHECK_MSG(status == VKH_OK, "%s: %s", vkh_status_text(status), report_test_line);
    fclose(stream);
    CHECK_MSG(strlen(text) == size, "a zero byte in the output");
    return text;
}

// Counts a difference as a failure.
static inline void report_test_same(const char *got, const char *want)
{
    size_t same = 0;
    while (got[same] && got[same] == want[same])
        same++;
    CHECK_MSG(strcmp(got, want) == 0,
              "differs at byte %zu: got \"%.40s\", want \"%.40s\"; all:\n%s", same, got + same,
              want + same, got);
}

// The whole of a file; the caller frees it. NULL when it cannot be read.
static inline char *report_test_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *copy = open_memstream(&text, &size);
    for (int c; (c = fgetc(file)) != EOF;)
        fputc(c, copy);
    fclose(copy);
    fclose(file);
    return text;
}

// The negative log-likelihoods at `path` are `want`.
static inline void report_test_nll(const struct report_test *test, const struct vkh_ppl_text *text,
                                   const char *path, const char *want)
{
    CHECK(vkh_report_nll(&test->results, text, path, &report_test_log) == VKH_OK);
    char *got = report_test_read(path);
    report_test_same(got ? got : "", want);
    free(got);
}

#endif
