// SPDX-License-Identifier: MIT
#include <errno.h>
#include <math.h>
#include <string.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "base/size.h"
#include "report/format.h"
#include "report/gnuplot.h"
#include "report/plot.h"
#include "report/regime.h"
#include "report/text.h"

// Colours that readers with any colour vision tell apart (after Okabe and Ito); the baseline, the
// usual first, is dark. Past the last, dashes tell the second round from the first.
const char *const vkh_plot_colours[VKH_PLOT_COLOURS] = {"#303030", "#0072b2", "#d55e00", "#009e73",
                                                        "#cc79a7", "#e69f00", "#56b4e9", "#8c564b"};
static const int points[] = {7, 5, 9, 11, 13, 15, 6, 4};

struct axes {
    double x_low, x_high, y_low, y_high;
    bool x_log, y_log;
};

// Widens [low, high] by a share of itself, on the axis it is drawn on.
static void widen(double *low, double *high, bool is_log, double share)
{
    if (is_log) {
        const double factor = exp(share * log(*high / *low));
        *low /= factor;
        *high = fmin(*high * factor, 1e305);
    } else {
        const double margin = share * (*high > *low ? *high - *low : *high);
        *low -= margin;
        *high += margin;
    }
}

static struct axes choose_axes(const struct vkh_ppl_results *results)
{
    struct axes axes = {results->lengths[0], results->lengths[results->n_lengths - 1], INFINITY, 0};
    const double original = results->original_max_len;
    if (original < axes.x_low && original > axes.x_low / 4)
        axes.x_low = original;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, l);
            const double error = fmin(cell->standard_error, cell->ppl / 2);
            axes.y_low = fmin(axes.y_low, cell->ppl - error);
            axes.y_high = fmax(axes.y_high, cell->ppl + error);
        }
    }
    axes.x_log = axes.x_high / axes.x_low > 20;
    axes.y_log = axes.y_high / axes.y_low > 5;
    widen(&axes.x_low, &axes.x_high, axes.x_log, 0.04);
    widen(&axes.y_low, &axes.y_high, axes.y_log, 0.08);
    return axes;
}

// One picture over another.
static void write_terminal(FILE *script, bool svg, uint32_t n_pictures)
{
    const unsigned width = svg ? 960 : 1440, height = svg ? 600 : 900;
    fprintf(script, "set terminal %s size %u,%u ", svg ? "svg" : "pngcairo", width,
            height * n_pictures);
    fputs(svg ? "dynamic noenhanced rounded font 'sans-serif,15' background rgb 'white'\n"
              : "noenhanced rounded font 'sans,13' fontscale 1.25 linewidth 1.5 pointscale 1.5 "
                "background rgb 'white'\n",
          script);
    if (n_pictures > 1)
        fprintf(script, "set multiplot layout %u,1\n", n_pictures);
}

// Border, tics and labels of the axes, in gnuplot's words.
static void write_style(FILE *script)
{
    fputs("set encoding utf8\n"
          "set border 3 linecolor rgb '#606060'\n"
          "set tics nomirror out textcolor rgb '#303030'\n"
          "set grid xtics ytics linetype 1 linewidth 0.5 linecolor rgb '#e0e0e0'\n"
          "set xlabel 'length (tokens)' textcolor rgb '#303030'\n"
          "set ylabel 'perplexity ± standard error' textcolor rgb '#303030'\n"
          "set key outside right center vertical Left reverse samplen 2 spacing 1.3 "
          "textcolor rgb '#303030'\n"
          "set bars 0.5\n",
          script);
}

static enum vkh_status write_titles(FILE *script, const struct vkh_ppl_results *results,
                                    struct vkh_arena *arena)
{
    const char *model = vkh_text_shorten(arena, results->model, 48);
    const char *device = vkh_text_shorten(arena, results->device, 48);
    if (!model || !device)
        return VKH_ERR_MEMORY;
    const char *title = vkh_text_printf(arena, "Perplexity against length: %s", model);
    const char *regime = vkh_regime_name(&results->regime, arena);
    const char *below = vkh_text_printf(
        arena, "%s weights, original_max_len %u%s, %s%s, %s", results->weight_type,
        results->original_max_len,
        results->lengths[results->n_lengths - 1] <= results->original_max_len
            ? " (no length exceeds it)"
            : "",
        results->regime.kind == VKH_REGIME_PREFIX ? "" : "regime ", regime ? regime : "", device);
    if (!title || !regime || !below)
        return VKH_ERR_MEMORY;
    fputs("set title ", script);
    vkh_gnuplot_literal(script, title);
    fputs(" offset 0,1.2 textcolor rgb '#101010'\nset label 1 ", script);
    vkh_gnuplot_literal(script, below);
    fputs(" at graph 0.5,1.045 center textcolor rgb '#606060'\nset tmargin 5\n", script);
    return VKH_OK;
}

// The lengths themselves and original_max_len, as far as their labels do not touch.
static void write_x_tics(FILE *script, const struct vkh_ppl_results *results,
                         const struct axes *axes)
{
    enum { MOST_TICS = 12 };
    if (results->n_lengths > MOST_TICS)
        return;
    const double apart = (axes->x_high - axes->x_low) / (MOST_TICS + 2);
    double last = -INFINITY;
    fputs("set xtics (", script);
    if (results->original_max_len > axes->x_low &&
        results->original_max_len < results->lengths[0]) {
        fprintf(script, "%u,", results->original_max_len);
        last = results->original_max_len;
    }
    const char *separator = "";
    for (uint32_t l = 0; l < results->n_lengths; l++) {
        if (l > 0 && results->lengths[l] - last < apart)
            continue;
        last = results->lengths[l];
        fprintf(script, "%s%u", separator, results->lengths[l]);
        separator = ",";
    }
    fputs(")\n", script);
}

// gnuplot would label the powers of ten alone; over few of them that is too little to read by.
static void write_log_y_tics(FILE *script, const struct axes *axes)
{
    fputs("set logscale y\nset ylabel 'perplexity ± standard error (logarithmic)'\n", script);
    if (axes->y_high / axes->y_low > 1e3)
        return;
    const char *separator = "set ytics (";
    for (double decade = pow(10, floor(log10(axes->y_low))); decade < axes->y_high; decade *= 10) {
        for (int digit = 1; digit <= 5; digit += digit == 1 ? 1 : 3) {
            fprintf(script, "%s%.15g", separator, digit * decade);
            separator = ",";
        }
    }
    fputs(")\n", script);
}

static void write_axes(FILE *script, const struct vkh_ppl_results *results, const struct axes *axes)
{
    if (axes->x_log)
        fputs("set logscale x 2\n", script);
    else
        write_x_tics(script, results, axes);
    if (axes->y_log)
        write_log_y_tics(script, axes);
    fprintf(script, "set xrange [%.17g:%.17g]\nset yrange [%.17g:%.17g]\n", axes->x_low,
            axes->x_high, axes->y_low, axes->y_high);
    const uint32_t original = results->original_max_len;
    if (original > axes->x_low && original < axes->x_high)
        fprintf(script,
                "set arrow 1 from first %u,graph 0 to first %u,graph 1 nohead dashtype 2 "
                "linecolor rgb '#909090'\n"
                "set label 2 'original_max_len' at first %u,graph 0.97 offset 0.7,0 left "
                "textcolor rgb '#707070'\n",
                original, original, original);
}

// Methods stand side by side at each length, by a hair, so that their bars do not cover each other.
static double beside(const struct axes *axes, uint32_t length, uint32_t method, uint32_t n_methods)
{
    const double step = fmin(0.006, 0.04 / n_methods);
    const double share = step * (method - (n_methods - 1) / 2.0);
    return axes->x_log ? length * pow(axes->x_high / axes->x_low, share)
                       : length + share * (axes->x_high - axes->x_low);
}

static void write_data(FILE *script, const struct vkh_ppl_results *results, const struct axes *axes)
{
    for (uint32_t m = 0; m < results->n_methods; m++) {
        fprintf(script, "$method%u << END\n", m);
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, l);
            fprintf(script, "%.17g %.17g %.17g\n",
                    beside(axes, cell->length, m, results->n_methods), cell->ppl,
                    cell->standard_error);
        }
        fputs("END\n", script);
    }
}

static enum vkh_status write_series(FILE *script, const struct vkh_ppl_results *results,
                                    struct vkh_arena *arena)
{
    fputs("plot ", script);
    for (uint32_t m = 0; m < results->n_methods; m++)
        fprintf(script,
                "$method%u using 1:2:3 with yerrorbars linecolor rgb '%s' pointtype 0 notitle, ", m,
                vkh_plot_colours[m % VKH_PLOT_COLOURS]);
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const size_t style = m % VKH_PLOT_COLOURS;
        const char *name = vkh_text_shorten(arena, results->methods[m], 32);
        if (!name)
            return VKH_ERR_MEMORY;
        fprintf(script,
                "%s$method%u using 1:2 with linespoints linecolor rgb '%s' linewidth 2 "
                "dashtype %u pointtype %d pointsize 0.8 title ",
                m > 0 ? ", " : "", m, vkh_plot_colours[style], (unsigned)(m / VKH_PLOT_COLOURS) + 1,
                points[style]);
        vkh_gnuplot_literal(script, name);
    }
    fputs("\n", script);
    return VKH_OK;
}

static enum vkh_status write_ppl(FILE *script, const struct vkh_ppl_results *results,
                                 struct vkh_arena *arena)
{
    const struct axes axes = choose_axes(results);
    write_axes(script, results, &axes);
    write_data(script, results, &axes);
    const enum vkh_status status = write_titles(script, results, arena);
    return status == VKH_OK ? write_series(script, results, arena) : status;
}

static enum vkh_status write_pictures(FILE *script, const struct vkh_ppl_results *results, bool svg,
                                      vkh_plot_write_fn *write, struct vkh_arena *arena)
{
    enum vkh_status status = VKH_OK;
    uint32_t n = 0;
    for (const struct vkh_ppl_results *r = results; r; r = r->next)
        n++;
    write_terminal(script, svg, n);
    for (const struct vkh_ppl_results *r = results; r && status == VKH_OK; r = r->next) {
        if (r != results)
            fputs("reset\n", script);
        write_style(script);
        status = write(script, r, arena);
    }
    if (n > 1)
        fputs("unset multiplot\n", script);
    return status;
}

static enum vkh_status write_script(FILE *script, const struct vkh_ppl_results *results, bool svg,
                                    vkh_plot_write_fn *write, const struct vkh_log *log)
{
    struct vkh_writing writing;
    enum vkh_status status = vkh_writing_begin(results, log, &writing);
    if (status != VKH_OK)
        return status;
    status = write_pictures(script, &writing.results, svg, write, &writing.arena);
    if (status != VKH_OK)
        vkh_fail(log, status, "report: out of memory");
    vkh_writing_end(&writing);
    return status;
}

enum vkh_status vkh_plot_run(const struct vkh_ppl_results *results, bool svg,
                             vkh_plot_write_fn *write, const char *name, const struct vkh_log *log,
                             FILE *picture)
{
    FILE *script = tmpfile();
    if (!script)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot make a temporary file: %s", name,
                        strerror(errno));
    enum vkh_status status = write_script(script, results, svg, write, log);
    if (status == VKH_OK)
        status = vkh_gnuplot_run(script, picture, name, log);
    fclose(script);
    return status;
}

enum vkh_status vkh_plot_draw(const struct vkh_ppl_results *results, bool svg, const char *name,
                              const struct vkh_log *log, FILE *picture)
{
    return vkh_plot_run(results, svg, write_ppl, name, log, picture);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static enum vkh_status get_format(const char *path, const struct vkh_log *log, bool *svg)
{
    *svg = ends_with(path, ".svg");
    if (!*svg && !ends_with(path, ".png"))
        return vkh_fail(log, VKH_ERR_UNSUPPORTED, "%s: a plot's name ends in .svg or .png", path);
    return VKH_OK;
}

enum vkh_status vkh_report_plot_check(const char *path, const struct vkh_log *log)
{
    bool svg;
    enum vkh_status status = get_format(path, log, &svg);
    if (status != VKH_OK)
        return status;
    FILE *script = tmpfile(), *nowhere = fopen("/dev/null", "w");
    if (script && nowhere) {
        write_terminal(script, svg, 1);
        status = vkh_gnuplot_run(script, nowhere, path, log);
    } else {
        status = vkh_fail(log, VKH_ERR_IO, "%s: cannot make a temporary file: %s", path,
                          strerror(errno));
    }
    if (script)
        fclose(script);
    if (nowhere)
        fclose(nowhere);
    return status;
}

enum vkh_status vkh_report_plot(const struct vkh_ppl_results *results, const char *path,
                                const struct vkh_log *log)
{
    bool svg;
    enum vkh_status status = get_format(path, log, &svg);
    if (status != VKH_OK)
        return status;
    if (results->n_methods == 0 || results->n_lengths == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s: there are no results to draw", path);
    struct vkh_output output;
    status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    return vkh_output_end(&output, vkh_plot_draw(results, svg, path, log, output.stream), log);
}
