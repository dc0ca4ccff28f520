// SPDX-License-Identifier: MIT
// What the table for people holds, as text, before it is laid out for a terminal or in Markdown.
#ifndef VKH_REPORT_SUMMARY_H
#define VKH_REPORT_SUMMARY_H

#include <stdbool.h>
#include <vkhrope/perplexity.h>

#include "base/arena.h"
#include "report/divergence.h"
#include "report/notes.h"

struct vkh_fact {
    const char *label, *text;
};

struct vkh_grid_cell {
    const char *text;
    bool unmoved; // the method moved no position at this length: the baseline's number
};

enum { VKH_SUMMARY_HEAD = 7, VKH_SUMMARY_TAIL = 5 };

struct vkh_summary {
    struct vkh_fact head[VKH_SUMMARY_HEAD]; // model, device, … above the grid
    int n_head;
    uint32_t n_columns, n_rows; // the first row is the header
    struct vkh_grid_cell *grid; // [n_rows][n_columns]
    bool has_best;              // the last column is the best improvement
    bool has_unmoved;           // some cell is marked
    const char *unmoved_legend;
    struct vkh_notes notes;
    struct vkh_divergence divergence;       // below the notes
    struct vkh_fact tail[VKH_SUMMARY_TAIL]; // variants, memory, rate, … below it
};

// VKH_OK or VKH_ERR_MEMORY. Everything lives in the arena or in `results`.
enum vkh_status vkh_summary_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                 struct vkh_summary *summary);

#endif
