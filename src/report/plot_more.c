// SPDX-License-Identifier: MIT
// The HTML page's other plots.
#include "base/log.h"
#include "report/format.h"
#include "report/gnuplot.h"
#include "report/plot.h"
#include "report/text.h"

static enum vkh_status name_series(FILE *script, struct vkh_arena *arena, const char *method)
{
    const char *name = vkh_text_shorten(arena, method, 32);
    if (!name)
        return VKH_ERR_MEMORY;
    vkh_gnuplot_literal(script, name);
    return VKH_OK;
}

static void write_points(FILE *script, const struct vkh_ppl_curve *curve, uint32_t method)
{
    for (uint32_t i = 0; i < curve->n_buckets; i++)
        fprintf(script, "%.17g %.17g\n",
                (curve->buckets[i].first + (double)curve->buckets[i].end - 1) / 2,
                curve->nll[(uint64_t)method * curve->n_buckets + i]);
}

static enum vkh_status write_nll(FILE *script, const struct vkh_ppl_results *results,
                                 struct vkh_arena *arena)
{
    const struct vkh_ppl_curve *curve = &results->curves[VKH_CURVE_LINEAR];
    const uint32_t end = curve->n_buckets ? curve->buckets[curve->n_buckets - 1].end : 1;
    const uint32_t original = results->original_max_len;
    enum vkh_status status = VKH_OK;
    fputs("set title 'NLL against position' textcolor rgb '#101010'\n"
          "set xlabel 'position (tokens)'\nset ylabel 'NLL (nats), mean of neighbours'\n",
          script);
    fprintf(script, "set xrange [0:%u]\n", end);
    if (original < end)
        fprintf(script,
                "set arrow 1 from first %u,graph 0 to first %u,graph 1 nohead dashtype 2 "
                "linecolor rgb '#909090'\n",
                original, original);
    for (uint32_t m = 0; m < results->n_methods; m++) {
        fprintf(script, "$method%u << END\n", m);
        write_points(script, curve, m);
        fputs("END\n", script);
    }
    for (uint32_t m = 0; m < results->n_methods && status == VKH_OK; m++) {
        fprintf(script, "%s$method%u with lines linewidth 2 linecolor rgb '%s' dashtype %u title ",
                m ? ", " : "plot ", m, vkh_plot_colours[m % VKH_PLOT_COLOURS],
                m / VKH_PLOT_COLOURS + 1);
        status = name_series(script, arena, results->methods[m]);
    }
    fputs("\n", script);
    return status;
}

// Quotes keep a label of the data in one column; nothing else is special there.
static void write_bar(FILE *script, const char *label, double value, const char *colour)
{
    fputc('"', script);
    for (; *label; label++)
        fputc(*label == '"' ? '\'' : *label, script);
    fprintf(script, "\" %.17g 0x%s\n", value, colour + 1);
}

static enum vkh_status write_bars(FILE *script, const struct vkh_ppl_results *results,
                                  struct vkh_arena *arena)
{
    const struct vkh_ppl_memory *memory = &results->memory;
    const double unit = 1.0 / (1 << 20);
    fputs("set multiplot layout 1,2\nunset key\nset style fill solid 0.8\nset boxwidth 0.7\n"
          "set xlabel ''\nset xtics rotate by -30\nset yrange [0:*]\n"
          "$rates << END\n",
          script);
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const char *name = vkh_text_shorten(arena, results->methods[m], 20);
        if (!name)
            return VKH_ERR_MEMORY;
        write_bar(script, name,
                  vkh_results_cell(results, m, results->n_lengths - 1)->tokens_per_second,
                  vkh_plot_colours[m % VKH_PLOT_COLOURS]);
    }
    fputs("END\n$memory << END\n", script);
    write_bar(script, "weights", (double)memory->weights * unit, vkh_plot_colours[1]);
    write_bar(script, "KV cache", (double)memory->kv * unit, vkh_plot_colours[2]);
    write_bar(script, "activations", (double)memory->activations * unit, vkh_plot_colours[3]);
    fputs("END\nset title 'Throughput' textcolor rgb '#101010'\nset ylabel 'tokens/s'\n"
          "plot $rates using 0:2:3:xtic(1) with boxes linecolor rgb variable\n"
          "set title 'Device memory' textcolor rgb '#101010'\nset ylabel 'MiB'\n"
          "plot $memory using 0:2:3:xtic(1) with boxes linecolor rgb variable\n"
          "unset multiplot\n",
          script);
    return VKH_OK;
}

enum vkh_status vkh_plot_draw_nll(const struct vkh_ppl_results *results, const char *name,
                                  const struct vkh_log *log, FILE *picture)
{
    return vkh_plot_run(results, true, write_nll, name, log, picture);
}

enum vkh_status vkh_plot_draw_bars(const struct vkh_ppl_results *results, const char *name,
                                   const struct vkh_log *log, FILE *picture)
{
    return vkh_plot_run(results, true, write_bars, name, log, picture);
}
