// SPDX-License-Identifier: MIT
// The formats on results made by hand.
#include <jansson.h>

#include "report_test.h"

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static double real_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    CHECK_MSG(json_is_real(value), "%s is not a real number", key);
    return json_real_value(value);
}

static json_int_t integer_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    CHECK_MSG(json_is_integer(value), "%s is not an integer", key);
    return json_integer_value(value);
}

static void check_string(json_t *object, const char *key, const char *want)
{
    const char *got = json_string_value(json_object_get(object, key));
    CHECK_MSG(got && strcmp(got, want) == 0, "%s: got \"%s\", want \"%s\"", key, got ? got : "",
              want);
}

static void check_json_cell(json_t *object, const struct vkh_ppl_cell *cell)
{
    CHECK(json_object_size(object) == 15);
    check_string(object, "method", cell->method);
    CHECK(integer_of(object, "length") == cell->length);
    CHECK((uint64_t)integer_of(object, "tokens_scored") == cell->tokens_scored);
    CHECK(same_bits(real_of(object, "nll"), cell->nll));
    CHECK(same_bits(real_of(object, "ppl"), cell->ppl));
    CHECK(same_bits(real_of(object, "stderr"), cell->standard_error));
    json_t *active = json_object_get(object, "compression_active");
    CHECK(json_is_boolean(active) && json_is_true(active) == cell->compression_active);
    if (isnan(cell->vs_baseline_percent))
        CHECK(json_is_null(json_object_get(object, "vs_baseline_percent")));
    else
        CHECK(same_bits(real_of(object, "vs_baseline_percent"), cell->vs_baseline_percent));
    CHECK(same_bits(real_of(object, "seconds"), cell->seconds));
    CHECK(same_bits(real_of(object, "tokens_per_second"), cell->tokens_per_second));
    CHECK(integer_of(object, "texts") == cell->texts);
    CHECK(json_is_null(json_object_get(object, "text_stderr")));
    CHECK(same_bits(real_of(object, "macro_nll"), cell->macro_nll));
    CHECK(same_bits(real_of(object, "macro_ppl"), cell->macro_ppl));
    CHECK(json_is_null(json_object_get(object, "macro_stderr")));
}

static void check_json(const struct report_test *test)
{
    char *text = report_test_write(test, VKH_REPORT_JSON);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    CHECK_MSG(root != NULL, "JSON line %d: %s", error.line, error.text);
    const struct vkh_ppl_results *results = &test->results;
    check_string(root, "model", results->model);
    check_string(root, "architecture", results->architecture);
    check_string(root, "weight_type", results->weight_type);
    check_string(root, "kv_type", results->memory.kv_type);
    check_string(root, "device", results->device);
    check_string(root, "driver", results->driver);
    check_string(root, "variants", results->variants);
    check_string(root, "version", VKH_VERSION);
    CHECK(integer_of(root, "original_max_len") == results->original_max_len);
    CHECK(integer_of(root, "tokens_available") == (json_int_t)results->tokens_available);
    CHECK(integer_of(root, "chunk") == results->chunk);
    CHECK(integer_of(root, "device_tokens") == (json_int_t)results->device_tokens);
    CHECK(json_is_true(json_object_get(root, "original_max_len_from_model")) ==
          results->original_max_len_from_model);
    CHECK(same_bits(real_of(root, "seconds"), results->seconds));
    CHECK(same_bits(real_of(root, "device_seconds"), results->device_seconds));
    CHECK(same_bits(real_of(root, "longest_submit_seconds"), results->longest_submit));
    json_t *memory = json_object_get(root, "memory");
    CHECK(integer_of(memory, "weights") == (json_int_t)results->memory.weights);
    CHECK(integer_of(memory, "kv") == (json_int_t)results->memory.kv);
    CHECK(integer_of(memory, "activations") == (json_int_t)results->memory.activations);
    CHECK(integer_of(memory, "peak") == (json_int_t)results->memory.peak);
    CHECK(integer_of(memory, "device") == (json_int_t)results->memory.device);
    CHECK(json_is_true(json_object_get(memory, "fits")) == results->memory.fits);
    json_t *cells = json_object_get(root, "results");
    const size_t n = (size_t)results->n_methods * results->n_lengths;
    CHECK(json_array_size(cells) == n);
    for (size_t i = 0; i < n; i++)
        check_json_cell(json_array_get(cells, i), &results->cells[i]);
    json_decref(root);
    free(text);
}

// Takes one field of RFC 4180 off the text; false at the end of a record.
static bool take_field(const char **text, char *field, size_t size)
{
    const char *s = *text;
    size_t n = 0;
    const bool quoted = *s == '"';
    for (s += quoted; *s && n + 1 < size; s++) {
        if (quoted && *s == '"' && *++s != '"')
            break;
        if (!quoted && (*s == ',' || *s == '\r'))
            break;
        field[n++] = *s;
    }
    field[n] = '\0';
    CHECK_MSG(*s == ',' || (s[0] == '\r' && s[1] == '\n'), "after the field %s: %.20s", field, s);
    const bool more = *s == ',';
    *text = s + (more ? 1 : 2);
    return more;
}

static void check_csv(const struct report_test *test)
{
    static const char header[] = "method,length,tokens_scored,nll,ppl,stderr,compression_active,"
                                 "vs_baseline_percent,seconds,tokens_per_second,texts,"
                                 "text_stderr,macro_ppl,macro_stderr,kl_mean,kl_stderr,"
                                 "kl_median,kl_p90,kl_p95,kl_p99,kl_max,same_top,kl_method,"
                                 "kl_model,regime,original_max_len,"
                                 "model,weight_type,kv_type,device,table\r\n";
    enum { COLUMNS = 31, REGIME = 24, MODEL = 26, TABLE = 30 };
    char *text = report_test_write(test, VKH_REPORT_CSV);
    CHECK(strncmp(text, header, strlen(header)) == 0);
    const char *at = text + strlen(header);
    for (uint32_t i = 0; i < test->results.n_methods * test->results.n_lengths; i++) {
        static char fields[COLUMNS][1024];
        for (int column = 0; column < COLUMNS; column++)
            CHECK(take_field(&at, fields[column], sizeof(fields[column])) ==
                  (column < COLUMNS - 1));
        const struct vkh_ppl_cell *cell = &test->cells[i];
        CHECK_MSG(strcmp(fields[0], cell->method) == 0, "got the method %s", fields[0]);
        CHECK(strtoul(fields[1], NULL, 10) == cell->length);
        CHECK(strtoul(fields[2], NULL, 10) == cell->tokens_scored);
        CHECK(same_bits(strtod(fields[3], NULL), cell->nll));
        CHECK(same_bits(strtod(fields[4], NULL), cell->ppl));
        CHECK(same_bits(strtod(fields[5], NULL), cell->standard_error));
        CHECK(strcmp(fields[6], cell->compression_active ? "true" : "false") == 0);
        if (isnan(cell->vs_baseline_percent))
            CHECK(fields[7][0] == '\0');
        else
            CHECK(same_bits(strtod(fields[7], NULL), cell->vs_baseline_percent));
        CHECK(same_bits(strtod(fields[8], NULL), cell->seconds));
        CHECK(same_bits(strtod(fields[9], NULL), cell->tokens_per_second));
        CHECK(strcmp(fields[10], "1") == 0 && !*fields[11] && !*fields[13]);
        CHECK(same_bits(strtod(fields[12], NULL), cell->macro_ppl));
        for (int column = 14; column < REGIME; column++)
            CHECK(!*fields[column]); // no comparison
        CHECK(strcmp(fields[REGIME], "prefix") == 0 && strcmp(fields[TABLE], fields[MODEL]) == 0);
    }
    CHECK(*at == '\0');
    free(text);
}

static void test_table(void)
{
    struct report_test test;
    report_test_example(&test);
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    report_test_same(
        text,
        "model           small (llama), F16 weights, F32 keys and values\n"
        "device          Some GPU\n"
        "driver          somedriver 1.2.3\n"
        "original        512, the model's own training length\n"
        "text            5000 tokens available, the first 3072 of them used\n"
        "regime          one pass from position 0, BOS where the ids have it, "
        "PPL = exp(mean NLL of tokens 1 … n-1)\n"
        "\n"
        "length  baseline  hybrid:cf=1.5  hybrid:cf=2  best improvement\n"
        "   512   48.50          48.50 =      48.50 =  -\n"
        "  1024   51.40          58.10        71.00    -13.04 %  hybrid:cf=1.5\n"
        "  2048   59.40          71.30        88.30    -20.03 %  hybrid:cf=1.5\n"
        "  3072   79.30          76.50        98.90    +3.53 %  hybrid:cf=1.5\n"
        "\n"
        "= no position is moved at this length: the baseline's number\n"
        "standard error  5.59 % to 13.71 % of the PPL\n"
        "variants        matmul=floor,attention=floor\n"
        "chunk           256 tokens\n"
        "memory          weights 11.0 MiB, KV cache 3.00 MiB, activations 20.0 MiB, peak 34.0 MiB "
        "of 16.0 GiB\n"
        "rate            749 tokens/s: 7680 tokens through the layers in 10.25 s, the device at "
        "work 96 % of it, longest submit 0.312 s\n");
    free(text);
    test.results.original_max_len_from_model = false;
    text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "512, given by the user\n"));
    free(text);
    test.results.device_seconds = test.results.longest_submit = 0; // a device without a clock
    text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "7680 tokens through the layers in 10.25 s\n"));
    free(text);
    test.results.n_devices = 2;
    text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "through the layers in 10.25 s, 2 devices side by side\n"));
    free(text);
}

static void test_markdown(void)
{
    struct report_test test;
    report_test_example(&test);
    test.results.model = "a|b*c";
    char *text = report_test_write(&test, VKH_REPORT_MARKDOWN);
    CHECK(strstr(text, "- model: a\\|b\\*c (llama), F16 weights, F32 keys and values\n"));
    CHECK(strstr(text, "| length | baseline | hybrid:cf=1.5 | hybrid:cf=2 | best improvement |\n"
                       "|---:|---:|---:|---:|:---|\n"
                       "| 512 | 48.50 | 48.50 = | 48.50 = | - |\n"));
    CHECK(strstr(text, "| 3072 | 79.30 | 76.50 | 98.90 | +3.53 %  hybrid:cf=1.5 |\n"));
    CHECK(strstr(text, "| hybrid:cf=1.5 | 3072 | 3071 | 4.337291 | 76.5 | 4.28 | yes | 3.53 "
                       "| 3.840 | 800.0 |\n"));
    free(text);
}

static void test_nothing_compressed(void)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};
    static const uint32_t lengths[] = {939, 1839};
    static const double ppl[] = {1.188, 1.093, 1.188, 1.093, 1.188, 1.093};
    struct report_test test;
    report_test_fill(&test, 8192, 3, methods, 2, lengths, ppl);
    for (int format = VKH_REPORT_TABLE; format <= VKH_REPORT_MARKDOWN; format++) {
        char *text = report_test_write(&test, (enum vkh_report_format)format);
        CHECK(strstr(text, "no length exceeds original"));
        CHECK(strstr(text, "8192: every method equals the baseline\n"));
        free(text);
    }
    // a method that moves every position is not the baseline
    test.methods[2] = "linear:factor=2";
    for (int l = 0; l < 2; l++)
        test.cells[4 + l] = (struct vkh_ppl_cell){.method = "linear:factor=2",
                                                  .texts = 1,
                                                  .text_error = NAN,
                                                  .macro_error = NAN,
                                                  .length = lengths[l],
                                                  .ppl = 2.5,
                                                  .compression_active = true};
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "8192: hybrid:cf=1.5 equals the baseline\n"));
    CHECK(!strstr(text, "every method"));
    free(text);
    check_json(&test);
}

static void test_shapes(void)
{
    static const char *const one[] = {"baseline"}, *const other[] = {"hybrid:cf=2", "hybrid:cf=3"};
    static const uint32_t lengths[] = {2};
    static const double ppl[] = {123456.7, 2.5e7};
    struct report_test test;
    report_test_fill(&test, 512, 1, one, 1, lengths, ppl);
    check_json(&test);
    check_csv(&test);
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "\nlength  baseline\n     2    123457\n\n"));
    CHECK(!strstr(text, "note:") && !strstr(text, "best"));
    free(text);

    report_test_fill(&test, 1, 2, other, 1, lengths, ppl);
    check_json(&test);
    check_csv(&test);
    text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, "\nlength  hybrid:cf=2  hybrid:cf=3\n     2       123457    2.500e+07\n\n"));
    CHECK(strstr(text, "note: baseline is not among the methods"));
    free(text);
}

static void test_odd_names(void)
{
    static char quoted[] = "a\"b,c|d;`e`'f\\g<&>";
    static char longest[700];
    memset(longest, 'x', sizeof(longest) - 1);
    const char *const methods[] = {"baseline", quoted, "größe→π", longest};
    static const uint32_t lengths[] = {600};
    static const double ppl[] = {9.9996, 1, 999.96, 12.345};
    struct report_test test;
    report_test_fill(&test, 512, 4, methods, 1, lengths, ppl);
    test.results.model = quoted;
    test.results.device = "日本語 \"GPU\"";
    test.results.driver = longest;
    check_json(&test);
    check_csv(&test);
    char *text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, longest) && strstr(text, quoted));
    CHECK(strstr(text, "größe→π  ") && strstr(text, "  1.000     1000  "));
    free(text);

    // what is not text, or would steer a terminal, does not get through
    test.results.model = "bad \xff\xc0\x80\xed\xa0\x80 \x1b[31m\n\xc2\x9b end";
    static const char clean[] = "bad ������ �[31m�� end";
    text = report_test_write(&test, VKH_REPORT_TABLE);
    CHECK(strstr(text, clean) && !strchr(text, '\x1b'));
    free(text);
    text = report_test_write(&test, VKH_REPORT_JSON);
    CHECK(strstr(text, clean));
    free(text);
}

static void test_formats(void)
{
    enum vkh_report_format format;
    CHECK(vkh_report_format_from_name("markdown", &format) && format == VKH_REPORT_MARKDOWN);
    CHECK(vkh_report_format_from_name("json", &format) && format == VKH_REPORT_JSON);
    CHECK(!vkh_report_format_from_name("JSON", &format));
    CHECK(!vkh_report_format_from_name("", &format));
    struct report_test test;
    report_test_example(&test);
    check_json(&test);
    check_csv(&test);
    CHECK(vkh_report_write(&test.results, (enum vkh_report_format)5, &report_test_log, stdout) ==
          VKH_ERR_ARGUMENT);
}

int main(void)
{
    test_formats();
    test_table();
    test_markdown();
    test_nothing_compressed();
    test_shapes();
    test_odd_names();
    return check_result();
}
