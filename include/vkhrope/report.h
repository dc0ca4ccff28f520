// SPDX-License-Identifier: MIT
// Results as people and programs read them. Results with others behind them (`next`) are written
// one after another; JSON is then an array of what one run's is.
#ifndef VKHROPE_REPORT_H
#define VKHROPE_REPORT_H

#include <stdio.h>

#include "perplexity.h"

#ifdef __cplusplus
extern "C" {
#endif

enum vkh_report_format {
    // For a terminal: lengths down, methods across, best improvement last; KL divergences below.
    VKH_REPORT_TABLE,
    VKH_REPORT_MARKDOWN, // the same as a Markdown table, then one row a cell
    VKH_REPORT_CSV,      // one row a cell; the last column tells the tables of a report apart
    VKH_REPORT_JSON,
    VKH_REPORT_HTML, // one self-contained page, with plots where gnuplot is installed
};

// The format called `name` ("table", "markdown", "csv", "json", "html"); false when there is none.
VKH_API bool vkh_report_format_from_name(const char *name, enum vkh_report_format *format);

// Writes to an open stream; VKH_ERR_IO when a byte did not go out, and errno says why.
VKH_API enum vkh_status vkh_report_write(const struct vkh_ppl_results *results,
                                         enum vkh_report_format format, const struct vkh_log *log,
                                         FILE *stream);

// The same to a file, which is replaced whole or not at all; "-" is standard output.
VKH_API enum vkh_status vkh_report_save(const struct vkh_ppl_results *results,
                                        enum vkh_report_format format, const char *path,
                                        const struct vkh_log *log);

// What a page can show beside the results; each may be NULL.
struct vkh_report_html_options {
    const char *command;   // how to have the same run again
    const char *reference; // a file with a published table: lines of length,tokens,ppl,method after
                           // a first line "# title"
};

// The page with these.
//   VKH_ERR_FORMAT  the reference is malformed; the line names where
VKH_API enum vkh_status vkh_report_html(const struct vkh_ppl_results *results,
                                        const struct vkh_report_html_options *options,
                                        const char *path, const struct vkh_log *log);

// Whether such a reference can be read, for asking before a long run: fails as vkh_report_html
// would.
VKH_API enum vkh_status vkh_report_reference_check(const char *path, const struct vkh_log *log);

// PPL against length, one line a method, as SVG or PNG by the path's ending. Drawn by gnuplot as a
// child process; VKH_ERR_UNSUPPORTED when it is not installed or the ending is another.
VKH_API enum vkh_status vkh_report_plot(const struct vkh_ppl_results *results, const char *path,
                                        const struct vkh_log *log);

// Whether gnuplot is there and can draw such a picture, for asking before a long run: fails as
// vkh_report_plot would, and writes nothing.
VKH_API enum vkh_status vkh_report_plot_check(const char *path, const struct vkh_log *log);

// One line a scored token and method: method, position, id, NLL, separated by tabs, under a header
// line; with several texts, or in windows, also the text and the tokens that it was given; with a
// comparison also the KL divergence from the reference and whether the top token is the same (1 or
// 0). Needs results with keep_nll; `texts` are those of the run's options.
VKH_API enum vkh_status vkh_report_nll(const struct vkh_ppl_results *results,
                                       const struct vkh_ppl_text *texts, const char *path,
                                       const struct vkh_log *log);

// One line a method, scale ("linear", "log") and bucket: where it begins and ends, scored tokens,
// their mean NLL, its standard error, the regime and which table (its model, and how it differs
// from others in the report), separated by tabs, under a header line.
VKH_API enum vkh_status vkh_report_curve(const struct vkh_ppl_results *results, const char *path,
                                         const struct vkh_log *log);

// Reads results back from JSON that vkh_report_write made, one run or a merged report; without the
// NLL of tokens. To be given to vkh_ppl_results_destroy.
//   VKH_ERR_IO      the file cannot be read
//   VKH_ERR_FORMAT  malformed, or contradicting itself; the line names file and field
VKH_API enum vkh_status vkh_report_read(const char *path, const struct vkh_log *log,
                                        struct vkh_ppl_results **results);

// Joins n runs, 1 or more, which `names` stand for in messages, into one report. Shards of a run
// become that run, with the numbers that it has unsharded. Runs of one model (weights, type of keys
// and values, own scaling), regime, original_max_len, reference of KL divergences and texts become
// one table of all their methods and lengths; others, and those that differ in a number of another
// device, follow as `next`.
//   VKH_ERR_ARGUMENT  a shard is missing or there twice, a method lacks a length that others have,
//                     two runs of a device contradict each other, or a text of one name is another
// On success *merged is the caller's, and does not depend on the runs.
VKH_API enum vkh_status vkh_report_merge(const struct vkh_ppl_results *const *runs,
                                         const char *const *names, uint32_t n,
                                         const struct vkh_log *log,
                                         struct vkh_ppl_results **merged);

#ifdef __cplusplus
}
#endif
#endif
