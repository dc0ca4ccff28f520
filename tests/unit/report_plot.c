// SPDX-License-Identifier: MIT
// Plots on results made by hand. Skipped where gnuplot is missing.
#include <sys/stat.h>
#include <unistd.h>

#include "report_test.h"

static char folder[] = "/tmp/vkhrope-plot-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

// The SVG that the results give; the caller frees it.
static char *draw(const struct report_test *test)
{
    const char *path = in_folder("plot.svg");
    const enum vkh_status status = vkh_report_plot(&test->results, path, &report_test_log);
    CHECK_MSG(status == VKH_OK, "%s: %s", vkh_status_text(status), report_test_line);
    char *text = report_test_read(path);
    unlink(path);
    CHECK(text && strstr(text, "<svg") && strstr(text, "</svg>"));
    return text ? text : strdup("");
}

static void test_svg(void)
{
    struct report_test test;
    report_test_example(&test);
    char *svg = draw(&test);
    CHECK(strstr(svg, "small") && strstr(svg, "baseline") && strstr(svg, "hybrid:cf=1.5"));
    CHECK(strstr(svg, "length (tokens)") && strstr(svg, ">perplexity ± standard error<"));
    CHECK(strstr(svg, "512</text>") && strstr(svg, "3072</text>") &&
          strstr(svg, ">original_max_len<"));
    free(svg);
    // more than a factor of five: logarithmic
    test.cells[3].ppl = 700;
    svg = draw(&test);
    CHECK(strstr(svg, ">perplexity ± standard error (logarithmic)<") && strstr(svg, "500</text>"));
    free(svg);
}

static void test_png(void)
{
    struct report_test test;
    report_test_example(&test);
    const char *path = in_folder("plot.png");
    CHECK_MSG(vkh_report_plot(&test.results, path, &report_test_log) == VKH_OK, "%s",
              report_test_line);
    FILE *file = fopen(path, "rb");
    unsigned char start[8] = {0};
    CHECK(file && fread(start, 1, 8, file) == 8 && memcmp(start, "\x89PNG\r\n\x1a\n", 8) == 0);
    if (file)
        fclose(file);
    unlink(path);
}

static void test_shapes(void)
{
    static const char *const one[] = {"baseline"};
    static const uint32_t length[] = {512}, far[] = {16, 100000};
    static const double ppl[] = {1, 1e300};
    struct report_test test;
    report_test_fill(&test, 512, 1, one, 1, length, ppl);
    free(draw(&test));
    report_test_fill(&test, 1 << 30, 1, one, 2, far, ppl);
    char *svg = draw(&test);
    CHECK(strstr(svg, "(no length exceeds it)") && !strstr(svg, ">original_max_len<"));
    free(svg);
    const char *methods[REPORT_TEST_MOST];
    uint32_t lengths[REPORT_TEST_MOST];
    double many[REPORT_TEST_MOST * REPORT_TEST_MOST];
    for (uint32_t i = 0; i < REPORT_TEST_MOST; i++) {
        methods[i] = "hybrid:cf=1";
        lengths[i] = 100 + i;
        for (uint32_t j = 0; j < REPORT_TEST_MOST; j++)
            many[i * REPORT_TEST_MOST + j] = 2.0 + i + j;
    }
    report_test_fill(&test, 100, REPORT_TEST_MOST, methods, REPORT_TEST_MOST, lengths, many);
    free(draw(&test));
    test.results.n_lengths = 0;
    CHECK(vkh_report_plot(&test.results, in_folder("a.svg"), &report_test_log) == VKH_ERR_ARGUMENT);
}

// Names come from files of strangers; none of these may run.
static void test_injection(void)
{
    static const char *const attacks[] = {
        "\"; system(\"touch %s\"); \"",
        "'; system('touch %s'); '",
        "`touch %s`",
        "'`touch %s`'",
        "''''`touch %s`",
        "\\'; system('touch %s') #",
        "\n!touch %s\n",
        "@x'; !touch %s",
        "$(touch %s)",
        "END\nsystem('touch %s')",
        "'.system('touch %s').'",
        "\"\n`touch %s`",
    };
    const char *const touched = "touched"; // relative, so that it is short enough to stay whole
    CHECK(chdir(folder) == 0);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        char name[128];
        snprintf(name, sizeof(name), attacks[i], touched);
        const char *const methods[] = {"baseline", name};
        static const uint32_t lengths[] = {600, 700};
        static const double ppl[] = {2, 3, 4, 5};
        struct report_test test;
        report_test_fill(&test, 512, 2, methods, 2, lengths, ppl);
        test.results.model = test.results.device = test.results.weight_type = name;
        char *svg = draw(&test);
        CHECK_MSG(strstr(svg, "touch ") && strstr(svg, "touched"), "%s is not in the picture",
                  name);
        free(svg);
        CHECK_MSG(access(touched, F_OK) != 0, "%s ran", name);
    }
}

static void test_failures(void)
{
    struct report_test test;
    report_test_example(&test);
    const char *const endings[] = {"plot.pdf", "plot", ".svg.txt"};
    for (size_t i = 0; i < 3; i++)
        CHECK(vkh_report_plot(&test.results, in_folder(endings[i]), &report_test_log) ==
              VKH_ERR_UNSUPPORTED);
    CHECK(vkh_report_plot_check("plot.pdf", &report_test_log) == VKH_ERR_UNSUPPORTED);
    CHECK(vkh_report_plot_check(in_folder("check.svg"), &report_test_log) == VKH_OK);
    CHECK(vkh_report_plot_check(in_folder("check.png"), &report_test_log) == VKH_OK);
    CHECK(access(in_folder("check.svg"), F_OK) != 0);
    CHECK(vkh_report_plot(&test.results, "/nonexistent/a.svg", &report_test_log) == VKH_ERR_IO);
    CHECK(strstr(report_test_line, "/nonexistent/a.svg"));

    // gnuplot's own complaint becomes the line
    FILE *fake = fopen(in_folder("gnuplot"), "w");
    CHECK(fake != NULL);
    fputs("#!/bin/sh\necho '     ^' >&2\necho 'no such terminal' >&2\nexit 3\n", fake);
    fclose(fake);
    CHECK(chmod(in_folder("gnuplot"), 0755) == 0);
    char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
    CHECK(setenv("PATH", folder, 1) == 0);
    CHECK(vkh_report_plot(&test.results, in_folder("a.svg"), &report_test_log) == VKH_ERR_IO);
    CHECK_MSG(strstr(report_test_line, "no such terminal"), "said: %s", report_test_line);
    CHECK(access(in_folder("a.svg"), F_OK) != 0);
    CHECK(vkh_report_plot_check(in_folder("a.svg"), &report_test_log) == VKH_ERR_IO);
    CHECK_MSG(strstr(report_test_line, "no such terminal"), "said: %s", report_test_line);
    unlink(in_folder("gnuplot"));

    CHECK(vkh_report_plot(&test.results, in_folder("a.svg"), &report_test_log) ==
          VKH_ERR_UNSUPPORTED);
    CHECK_MSG(strstr(report_test_line, "gnuplot"), "said: %s", report_test_line);
    CHECK(vkh_report_plot_check(in_folder("a.svg"), &report_test_log) == VKH_ERR_UNSUPPORTED);
    CHECK(setenv("PATH", "", 1) == 0 && chdir("/") == 0);
    CHECK(vkh_report_plot(&test.results, in_folder("a.svg"), &report_test_log) ==
          VKH_ERR_UNSUPPORTED);
    CHECK(setenv("PATH", path, 1) == 0);
    free(path);

    test.cells[3].ppl = NAN;
    CHECK(vkh_report_plot(&test.results, in_folder("a.svg"), &report_test_log) == VKH_ERR_INTERNAL);
}

int main(void)
{
    struct report_test test;
    report_test_example(&test);
    if (!mkdtemp(folder))
        return 1;
    const char *path = in_folder("plot.svg");
    if (vkh_report_plot(&test.results, path, &report_test_log) == VKH_ERR_UNSUPPORTED) {
        fprintf(stderr, "%s\n", report_test_line);
        rmdir(folder);
        return CHECK_SKIPPED;
    }
    unlink(path);
    test_svg();
    test_png();
    test_shapes();
    test_injection();
    test_failures();
    CHECK(rmdir(folder) == 0);
    return check_result();
}
