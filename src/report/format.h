// SPDX-License-Identifier: MIT
// What report.c gives to the formats. Each takes results of a struct vkh_writing, writes to the
// stream, and returns VKH_OK or VKH_ERR_MEMORY; bytes that did not go out show in ferror.
#ifndef VKH_REPORT_FORMAT_H
#define VKH_REPORT_FORMAT_H

#include <locale.h>
#include <stdio.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"

// Between enter and leave this thread writes numbers as C does, whatever locale the program chose.
// (locale_t)0 when out of memory.
struct vkh_c_locale {
    locale_t c, before;
};
enum vkh_status vkh_c_locale_enter(struct vkh_c_locale *scope, const struct vkh_log *log);
void vkh_c_locale_leave(struct vkh_c_locale *scope);

// Results while they are written, in the C locale.
struct vkh_writing {
    struct vkh_c_locale locale;
    struct vkh_arena arena; // until the end of writing
    struct vkh_ppl_results results;
};
// `results` becomes a shallow copy of what is given, and of all that follow, whose strings are safe
// to print (text.h). VKH_ERR_INTERNAL when a number that must be finite is not, or a size does not
// fit what JSON readers take (2^63 - 1); on failure there is nothing to end.
enum vkh_status vkh_writing_begin(const struct vkh_ppl_results *results, const struct vkh_log *log,
                                  struct vkh_writing *writing);
void vkh_writing_end(struct vkh_writing *writing);

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
