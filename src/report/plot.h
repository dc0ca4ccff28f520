// SPDX-License-Identifier: MIT
// What the plots share. Each draws results with a method and a length at least to an open file, and
// fails as vkh_gnuplot_run does; `name` is for the log.
#ifndef VKH_REPORT_PLOT_H
#define VKH_REPORT_PLOT_H

#include <stdbool.h>
#include <stdio.h>
#include <vkhrope/perplexity.h>

enum { VKH_PLOT_COLOURS = 8 };
extern const char *const vkh_plot_colours[VKH_PLOT_COLOURS]; // "#303030"

struct vkh_arena;

// Writes what comes after the terminal, results being fit to print; VKH_ERR_MEMORY at most.
typedef enum vkh_status vkh_plot_write_fn(FILE *script, const struct vkh_ppl_results *results,
                                          struct vkh_arena *arena);

// Draws by the script that `write` writes, once for each of results that follow each other.
enum vkh_status vkh_plot_run(const struct vkh_ppl_results *results, bool svg,
                             vkh_plot_write_fn *write, const char *name, const struct vkh_log *log,
                             FILE *picture);

// PPL against length.
enum vkh_status vkh_plot_draw(const struct vkh_ppl_results *results, bool svg, const char *name,
                              const struct vkh_log *log, FILE *picture);

// NLL against position, each point the mean of some tokens, as SVG.
enum vkh_status vkh_plot_draw_nll(const struct vkh_ppl_results *results, const char *name,
                                  const struct vkh_log *log, FILE *picture);

// Throughput of each method at the longest length, and what takes the device's memory, as SVG.
enum vkh_status vkh_plot_draw_bars(const struct vkh_ppl_results *results, const char *name,
                                   const struct vkh_log *log, FILE *picture);

#endif
