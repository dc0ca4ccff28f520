// SPDX-License-Identifier: MIT
// Reports of several texts, of regimes, sweeps, curves and models with a scaling of their own.
#include <jansson.h>
#include <unistd.h>

#include "report_test.h"

static void check_has(const char *text, const char *part)
{
    CHECK_MSG(strstr(text, part), "'%s' is not in:\n%s", part, text);
}

static json_t *json_of(const struct report_test *test)
{
    char *text = report_test_write(test, VKH_REPORT_JSON);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CHECK(root != NULL);
    free(text);
    return root;
}

static const char *string_at(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double real_at(json_t *array, size_t index, const char *key)
{
    return json_number_value(json_object_get(json_array_get(array, index), key));
}

static void check_regime(const struct vkh_ppl_regime *regime, const char *name, const char *part)
{
    struct report_test test;
    report_test_example(&test);
    test.results.regime = *regime;
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text, part);
    free(text);
    text = report_test_write(&test, VKH_REPORT_MARKDOWN);
    check_has(text, "- regime: ");
    free(text);
    text = report_test_write(&test, VKH_REPORT_CSV);
    check_has(text, name);
    free(text);
    json_t *root = json_of(&test);
    check_has(string_at(root, "regime"), part);
    json_t *window = json_object_get(root, "window"), *stride = json_object_get(root, "stride");
    CHECK(regime->kind == VKH_REGIME_PREFIX
              ? json_is_null(window)
              : json_integer_value(window) == (json_int_t)regime->window);
    CHECK(regime->kind == VKH_REGIME_WINDOW
              ? json_integer_value(stride) == (json_int_t)regime->stride
              : json_is_null(stride));
    json_decref(root);
}

static void test_regimes(void)
{
    check_regime(&(struct vkh_ppl_regime){0}, ",prefix,512,small,", "one pass from position 0");
    check_regime(
        &(struct vkh_ppl_regime){.kind = VKH_REGIME_WINDOW, .window = 512, .stride = 128},
        ",window=512 stride=128,512,small,",
        "sliding windows of 512 tokens, 128 apart, each from position 0 and without BOS of "
        "its own; every token scored once, with 384 to 511 tokens before it");
    check_regime(&(struct vkh_ppl_regime){.kind = VKH_REGIME_CHUNKED, .window = 512},
                 ",chunked=512,512,small,",
                 "disjoint windows of 512 tokens, each from position 0; PPL = exp(mean NLL of each "
                 "window's tokens 257 … 511)");
    check_regime(
        &(struct vkh_ppl_regime){
            .kind = VKH_REGIME_CHUNKED, .window = 7, .has_bos = true, .bos = 1},
        ",chunked=7,512,small,",
        "position 0, BOS (1) in place of its first token; PPL = exp(mean NLL of each "
        "window's tokens 4 … 6)");
}

static void test_texts(void)
{
    struct report_test test;
    report_test_example(&test);
    static const char *names[] = {"a.txt", "b\x1b.txt"};
    static const uint64_t tokens[] = {5000, 2000};
    static const uint32_t used[] = {3072, 1024};
    struct vkh_ppl_text_cell cells[2 * 3 * 4];
    for (int i = 0; i < 24; i++)
        cells[i] = (struct vkh_ppl_text_cell){100, 4.0, exp(4.0)};
    for (int i = 12; i < 24; i++)
        if (i % 4 > 1) // too short
            cells[i] = (struct vkh_ppl_text_cell){0, NAN, NAN};
    for (int i = 0; i < 12; i++) {
        test.cells[i].texts = i % 4 > 1 ? 1 : 2;
        test.cells[i].macro_ppl = 50;
        test.cells[i].macro_error = i % 4 > 1 ? NAN : 2.5;
        test.cells[i].text_error = i % 4 > 1 ? NAN : test.cells[i].ppl / 100;
    }
    test.results.n_texts = 2;
    test.results.text_names = names;
    test.results.text_tokens = tokens;
    test.results.text_used = used;
    test.results.text_digests = (const uint64_t[]){1, 2};
    test.results.text_cells = cells;
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text, "2 texts, 5000 tokens available, at most the first 3072 of each used");
    check_has(text, "note: 1024, each of 2 texts alike: baseline 50.00 ± 2.5, hybrid:cf=1.5 50.00");
    check_has(text, "note: 2048, each of 1 text alike: baseline 50.00, hybrid");
    check_has(text, "tokens being independent; 1.00 % to 1.00 % between texts");
    free(text);
    text = report_test_write(&test, VKH_REPORT_MARKDOWN);
    check_has(text, "| tokens_per_second | texts | text_stderr | macro_ppl | macro_stderr |\n");
    check_has(text, "| 2 | 0.485 | 50 | 2.5 |\n");
    check_has(text, "| 1 |  | 50 |  |\n");
    free(text);
    json_t *root = json_of(&test), *list = json_object_get(root, "texts");
    CHECK(json_array_size(list) == 2 && real_at(list, 1, "used") == 1024);
    CHECK(strcmp(string_at(json_array_get(list, 1), "name"), "b\xef\xbf\xbd.txt") == 0);
    list = json_object_get(root, "text_results");
    CHECK(json_array_size(list) == 24 && real_at(list, 3, "nll") == 4.0);
    CHECK(json_is_null(json_object_get(json_array_get(list, 23), "ppl")));
    list = json_object_get(root, "results");
    CHECK(real_at(list, 0, "macro_stderr") == 2.5 && real_at(list, 0, "texts") == 2);
    json_decref(root);
}

static void test_methods(void)
{
    static const char *const methods[] = {"baseline", "dynamic-ntk:factor=2"};
    static const uint32_t lengths[] = {600, 700};
    static const double ppl[] = {2, 3, 4, 5};
    struct report_test test;
    report_test_fill(&test, 512, 2, methods, 2, lengths, ppl);
    test.results.own_scaling = "llama3:factor=8,original=512";
    test.details[0].applied = "llama3:factor=8,original=512";
    test.details[1] =
        (struct vkh_ppl_method){"dynamic-ntk:factor=2", 2, "dynamic-ntk: its base grows"};
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text, "own scaling     llama3:factor=8,original=512\n");
    check_has(text,
              "note: dynamic-ntk:factor=2 takes the place of the model's own llama3:factor=8,");
    check_has(text, "note: dynamic-ntk:factor=2 took 2 passes (dynamic-ntk: its base grows)\n");
    CHECK(!strstr(text, "baseline took") && !strstr(text, "baseline takes"));
    free(text);
    json_t *root = json_of(&test), *list = json_object_get(root, "methods");
    CHECK(strcmp(string_at(root, "own_scaling"), "llama3:factor=8,original=512") == 0);
    CHECK(json_array_size(list) == 2 && real_at(list, 1, "passes") == 2);
    check_has(string_at(json_array_get(list, 1), "why"), "grows");
    CHECK(json_is_null(json_object_get(json_array_get(list, 0), "why")));
    json_decref(root);
}

static void test_sweeps(void)
{
    static const uint32_t lanes[] = {1, 2};
    static const double values[] = {1.5, 2};
    uint32_t best[] = {UINT32_MAX, 0, 0, 1};
    struct vkh_ppl_sweep sweep = {"hybrid:cf=1.5..2:0.5", "cf", 2, lanes, values, best};
    struct report_test test;
    report_test_example(&test);
    test.results.n_sweeps = 1;
    test.results.sweeps = &sweep;
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    check_has(text,
              "note: best cf of hybrid:cf=1.5..2:0.5: none at 512 (no position is moved), 1.5 "
              "at 1024 (58.10), 1.5 at 2048 (71.30), 2 at 3072 (98.90)\n");
    free(text);
    json_t *root = json_of(&test), *one = json_array_get(json_object_get(root, "sweeps"), 0);
    json_t *list = json_object_get(one, "best");
    CHECK(strcmp(string_at(one, "parameter"), "cf") == 0 && json_array_size(list) == 4);
    CHECK(json_is_null(json_object_get(json_array_get(list, 0), "value")));
    CHECK(real_at(list, 3, "value") == 2 && real_at(list, 3, "ppl") == 98.9);
    CHECK(strcmp(string_at(json_array_get(list, 3), "method"), "hybrid:cf=2") == 0);
    json_decref(root);
}

static void test_curves(void)
{
    static const struct vkh_ppl_bucket linear[] = {{0, 64, 63}, {64, 128, 64}},
                                       log2[] = {{1, 2, 1}};
    struct report_test test;
    report_test_example(&test);
    report_test_curves(&test, linear, 2, log2, 1);
    char path[] = "/tmp/vkhrope-curve-XXXXXX";
    close(mkstemp(path));
    CHECK(vkh_report_curve(&test.results, path, &report_test_log) == VKH_OK);
    char *text = report_test_read(path);
    static const char want[] = "method\tscale\tfirst\tend\ttokens\tnll\tstderr\tregime\ttable\n"
                               "baseline\tlinear\t0\t64\t63\t1\t0.5\tprefix\tsmall\n"
                               "baseline\tlinear\t64\t128\t64\t2\t0.25\tprefix\tsmall\n"
                               "hybrid:cf=1.5\tlinear\t0\t64\t63\t3\t0.5\tprefix\tsmall\n";
    CHECK_MSG(text && strncmp(text, want, strlen(want)) == 0, "%s", text ? text : "");
    check_has(text, "\nhybrid:cf=2\tlog\t1\t2\t1\t3\t0.5\tprefix\tsmall\n");
    free(text);
    unlink(path);
    CHECK(vkh_report_curve(&test.results, "/nonexistent/a", &report_test_log) == VKH_ERR_IO);
    json_t *root = json_of(&test), *curves = json_object_get(root, "curves");
    json_t *first = json_array_get(curves, 0), *lanes = json_object_get(first, "methods");
    CHECK(json_array_size(curves) == 2 && strcmp(string_at(first, "scale"), "linear") == 0);
    CHECK(json_integer_value(json_array_get(json_object_get(first, "end"), 1)) == 128);
    CHECK(json_integer_value(json_array_get(json_object_get(first, "tokens"), 0)) == 63);
    json_t *last = json_object_get(json_array_get(lanes, 2), "stderr");
    CHECK(json_array_size(lanes) == 3 && json_real_value(json_array_get(last, 1)) == 0.125);
    json_t *texts = json_object_get(first, "texts"), *part = json_array_get(texts, 1);
    CHECK(json_array_size(texts) == 3 && strcmp(string_at(part, "text"), "") == 0 &&
          strcmp(string_at(part, "method"), "hybrid:cf=1.5") == 0);
    CHECK(json_integer_value(json_array_get(json_object_get(part, "tokens"), 1)) == 64 &&
          json_real_value(json_array_get(json_object_get(part, "nll"), 1)) == 4 &&
          json_real_value(json_array_get(json_object_get(part, "deviation"), 1)) == 0.25 * 8);
    json_decref(root);
}

// The NLL of what is scored, with the text and the context where they are not plain.
static void test_nll(void)
{
    static const char *const methods[] = {"baseline"};
    static const uint32_t lengths[] = {9};
    static const double ppl[] = {2};
    static const int32_t ids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const struct vkh_ppl_text text = {"a", ids, 9};
    float values[] = {0, 0, 0, 3, 0, 0, 0, 7, 0}, *nll[] = {values};
    struct report_test test;
    report_test_fill(&test, 2, 1, methods, 1, lengths, ppl);
    test.text_name = "a";
    test.results.nll = nll;
    test.results.regime = (struct vkh_ppl_regime){.kind = VKH_REGIME_CHUNKED, .window = 4};
    char path[] = "/tmp/vkhrope-nll-XXXXXX";
    close(mkstemp(path));
    report_test_nll(&test, &text, path,
                    "method\tposition\tid\tnll\ttext\tcontext\n"
                    "baseline\t3\t3\t3\ta\t3\nbaseline\t7\t7\t7\ta\t3\n");
    unlink(path);
}

int main(void)
{
    test_regimes();
    test_texts();
    test_methods();
    test_sweeps();
    test_curves();
    test_nll();
    return check_result();
}
