// SPDX-License-Identifier: MIT
// Reports of runs with a comparison.
#include <jansson.h>
#include <unistd.h>

#include "report_test.h"

enum { METHODS = 3, LENGTHS = 4 };

static struct vkh_ppl_kl kl[METHODS * LENGTHS];

static void check_has(const char *text, const char *part)
{
    CHECK_MSG(strstr(text, part), "'%s' is not in:\n%s", part, text);
}

// The baseline is the reference.
static void fill(struct report_test *test)
{
    report_test_example(test);
    for (int i = 0; i < METHODS * LENGTHS; i++) {
        const double mean = i < LENGTHS ? 0 : i / 8.0;
        kl[i] = (struct vkh_ppl_kl){mean,     mean / 100, mean / 2, 2 * mean,
                                    3 * mean, 4 * mean,   5 * mean, 1 - mean / 10};
    }
    test->results.kl_method = "baseline";
    test->results.kl = kl;
}

static void test_people(void)
{
    struct report_test test;
    fill(&test);
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text, "\nKL(P‖Q) = Σ P ln(P/Q) of the next token, in nats a scored token: P of "
                    "baseline, Q of each method; same top-1: where both find the same token most "
                    "probable\n\n"
                    "length  method          mean   stderr  median  90 %   95 %  99 %    max  same "
                    "top-1\n"
                    "   512  hybrid:cf=1.5    0.5    0.005    0.25     1    1.5     2    2.5     "
                    "95.00 %\n"
                    "   512  hybrid:cf=2        1     0.01     0.5     2      3     4      5     "
                    "90.00 %\n");
    check_has(text, "  3072  hybrid:cf=2    1.375  0.01375  0.6875  2.75  4.125   5.5  6.875     "
                    "86.25 %\n\nstandard error");
    free(text);
    text = report_test_write(&test, VKH_REPORT_MARKDOWN);
    check_has(text, "| length | method | mean | stderr | median | 90 % | 95 % | 99 % | max | same "
                    "top-1 |\n|---:|:---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
                    "| 512 | hybrid:cf=1.5 | 0.5 | 0.005 |");
    free(text);
    test.results.kl_model = "<big>\x1b";
    test.results.kl_weight_type = "F32";
    text = report_test_write(&test, VKH_REPORT_HTML);
    check_has(text, "<h2>KL divergence</h2>\n<p>KL(P‖Q)");
    check_has(text, "P of baseline on &lt;big&gt;\xef\xbf\xbd (F32 weights), Q of each method");
    // On another model the method of the same name is no reference.
    check_has(text, "<th>512</th>\n<th>baseline</th>\n<td>0</td>");
    free(text);
    static const char *const two[] = {"baseline", "linear:factor=4"};
    static const uint32_t length[] = {512};
    static const double ppl[] = {2, 3};
    report_test_fill(&test, 512, 2, two, 1, length, ppl);
    test.cells[1].compression_active = true; // nothing to note
    test.results.kl_method = "baseline";
    test.results.kl = kl;
    text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text, "linear:factor=4\n\nKL(P‖Q)");
    free(text);
    report_test_example(&test);
    for (int format = VKH_REPORT_TABLE; format <= VKH_REPORT_HTML; format++) {
        text = report_test_write(&test, (enum vkh_report_format)format);
        CHECK(!strstr(text, "KL("));
        free(text);
    }
}

static void test_programs(void)
{
    struct report_test test;
    fill(&test);
    test.results.kl_method = "hybrid:cf=1,5"; // a comma
    test.results.kl_model = "a \"b\"";
    test.results.kl_weight_type = "Q8_0";
    char *text = report_test_write(&test, VKH_REPORT_CSV);
    check_has(text, ",0,0,0,0,0,0,0,1,\"hybrid:cf=1,5\",\"a \"\"b\"\"\",prefix,512,small,");
    check_has(text, ",0.5,0.0050000000000000001,0.25,1,1.5,2,2.5,0.94999999999999996,");
    free(text);
    text = report_test_write(&test, VKH_REPORT_JSON);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *object = json_object_get(root, "kl"), *list = json_object_get(object, "results");
    const char *method;
    json_int_t length;
    double numbers[8];
    CHECK(strcmp(json_string_value(json_object_get(object, "weight_type")), "Q8_0") == 0);
    CHECK(strncmp(json_string_value(json_object_get(object, "definition")), "KL(P||Q) = ", 11) ==
          0);
    CHECK(json_array_size(list) == METHODS * LENGTHS);
    CHECK(json_unpack(json_array_get(list, 4), "{s:s, s:I, s:F, s:F, s:F, s:F, s:F, s:F, s:F, s:F}",
                      "method", &method, "length", &length, "mean", &numbers[0], "stderr",
                      &numbers[1], "median", &numbers[2], "p90", &numbers[3], "p95", &numbers[4],
                      "p99", &numbers[5], "max", &numbers[6], "same_top", &numbers[7]) == 0);
    CHECK(strcmp(method, "hybrid:cf=1.5") == 0 && length == 512);
    CHECK(numbers[0] == kl[4].mean && numbers[1] == kl[4].standard_error &&
          numbers[2] == kl[4].median && numbers[3] == kl[4].p90 && numbers[4] == kl[4].p95 &&
          numbers[5] == kl[4].p99 && numbers[6] == kl[4].maximum && numbers[7] == kl[4].same_top);
    json_decref(root);
    free(text);
    kl[5].p95 = NAN;
    FILE *sink = tmpfile();
    CHECK(vkh_report_write(&test.results, VKH_REPORT_CSV, &report_test_log, sink) ==
          VKH_ERR_INTERNAL);
    check_has(report_test_line,
              "the KL divergence of hybrid:cf=1.5 at length 1024 is not a finite");
    fclose(sink);
}

static void test_tokens(void)
{
    static const char *const methods[] = {"baseline"};
    static const uint32_t lengths[] = {3};
    static const double ppl[] = {2};
    static const int32_t ids[] = {0, 7, 8};
    static const struct vkh_ppl_text text = {"a", ids, 3};
    float values[] = {0, 3, 4}, *nll[] = {values};
    struct vkh_ppl_token_kl tokens[] = {{0}, {0.125f, 1}, {0, 0}}, *rows[] = {tokens};
    struct report_test test;
    report_test_fill(&test, 2, 1, methods, 1, lengths, ppl);
    test.results.nll = nll;
    test.results.token_kl = rows;
    char path[] = "/tmp/vkhrope-kl-XXXXXX";
    close(mkstemp(path));
    report_test_nll(&test, &text, path,
                    "method\tposition\tid\tnll\tkl\tsame_top\n"
                    "baseline\t1\t7\t3\t0.125\t0\nbaseline\t2\t8\t4\t0\t1\n");
    tokens[2].kl = NAN;
    CHECK(vkh_report_nll(&test.results, &text, path, &report_test_log) == VKH_ERR_INTERNAL);
    unlink(path);
}

int main(void)
{
    test_people();
    test_programs();
    test_tokens();
    return check_result();
}
