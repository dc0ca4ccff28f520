// SPDX-License-Identifier: MIT
// What report.c gives to the formats. Each takes results that passed vkh_results_prepare, writes to
// the stream, and returns VKH_OK or VKH_ERR_MEMORY; bytes that did not go out show in ferror.
#ifndef VKH_REPORT_FORMAT_H
#define VKH_REPORT_FORMAT_H

#include <locale.h>
#include <stdio.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"

// A shallow copy of `results`, and of all that follow, whose strings are safe to print (text.h).
// VKH_ERR_INTERNAL when a number that must be finite is not, or a size does not fit what JSON
// readers take (2^63 - 1).
enum vkh_status vkh_results_prepare(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                    const struct vkh_log *log, struct vkh_ppl_results *clean);

// Between enter and leave this thread writes numbers as C does, whatever locale the program chose.
// (locale_t)0 when out of memory.
struct vkh_c_locale {
    locale_t c, before;
};
enum vkh_status vkh_c_locale_enter(struct vkh_c_locale *scope, const struct vkh_log *log);
void vkh_c_locale_leave(struct vkh_c_locale *scope);

static inline const struct vkh_ppl_cell *vkh_results_cell(const struct vkh_ppl_results *results,
                                                          uint32_t method, uint32_t length)
{
    return &results->cells[(uint64_t)method * results->n_lengths + length];
}

const char *vkh_curve_scale_name(int scale); // "linear", "log"

bool vkh_results_is_baseline(const struct vkh_ppl_results *results, uint32_t method);
bool vkh_results_has_baseline(const struct vkh_ppl_results *results);

enum vkh_status vkh_write_table(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                FILE *stream);
enum vkh_status vkh_write_markdown(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                   FILE *stream);
enum vkh_status vkh_write_csv(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                              FILE *stream);
enum vkh_status vkh_write_json(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               FILE *stream);
enum vkh_status vkh_write_html(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               FILE *stream);

#endif
