// SPDX-License-Identifier: MIT
#include <string.h>

#include "report/format.h"
#include "report/label.h"
#include "report/summary.h"
#include "report/text.h"

static void pad(FILE *stream, size_t width)
{
    for (; width > 0; width--)
        fputc(' ', stream);
}

static void write_facts(FILE *stream, const struct vkh_fact *facts, int count)
{
    enum { LABEL_WIDTH = 16 };
    for (int i = 0; i < count; i++) {
        fputs(facts[i].label, stream);
        pad(stream, LABEL_WIDTH - strlen(facts[i].label));
        fprintf(stream, "%s\n", facts[i].text);
    }
}

static const struct vkh_grid_cell *at(const struct vkh_summary *summary, uint32_t row,
                                      uint32_t column)
{
    return &summary->grid[(uint64_t)row * summary->n_columns + column];
}

// Where cells are marked, every number of a method leaves room for the mark.
static bool has_room(const struct vkh_summary *summary, uint32_t row, uint32_t column)
{
    const uint32_t n_methods = summary->n_columns - 1 - summary->has_best;
    return summary->has_unmoved && row > 0 && column > 0 && column <= n_methods;
}

static size_t cell_width(const struct vkh_summary *summary, uint32_t row, uint32_t column)
{
    return vkh_text_width(at(summary, row, column)->text) +
           (has_room(summary, row, column) ? strlen(" =") : 0);
}

// Numbers stand to the right, the best improvement to the left.
static void write_row(FILE *stream, const struct vkh_summary *summary, const size_t *widths,
                      uint32_t row)
{
    for (uint32_t column = 0; column < summary->n_columns; column++) {
        const struct vkh_grid_cell *cell = at(summary, row, column);
        const bool last = column + 1 == summary->n_columns;
        if (column > 0)
            fputs("  ", stream);
        if (!last || !summary->has_best)
            pad(stream, widths[column] - cell_width(summary, row, column));
        fputs(cell->text, stream);
        if (has_room(summary, row, column) && (cell->unmoved || !last))
            fputs(cell->unmoved ? " =" : "  ", stream);
    }
    fputc('\n', stream);
}

static size_t *column_widths(const struct vkh_summary *summary, struct vkh_arena *arena)
{
    size_t *widths = vkh_arena_alloc(arena, summary->n_columns, sizeof(*widths));
    for (uint32_t column = 0; widths && column < summary->n_columns; column++) {
        for (uint32_t row = 0; row < summary->n_rows; row++) {
            const size_t width = cell_width(summary, row, column);
            if (width > widths[column])
                widths[column] = width;
        }
    }
    return widths;
}

// Under the methods' names to the left, under the numbers to the right.
static void write_divergence(FILE *stream, const struct vkh_divergence *divergence)
{
    size_t widths[VKH_DIVERGENCE_COLUMNS] = {0};
    if (!divergence->title)
        return;
    for (uint32_t row = 0; row < divergence->n_rows; row++)
        for (uint32_t i = 0; i < VKH_DIVERGENCE_COLUMNS; i++)
            if (vkh_text_width(divergence->rows[row][i]) > widths[i])
                widths[i] = vkh_text_width(divergence->rows[row][i]);
    fprintf(stream, "%s\n\n", divergence->title);
    for (uint32_t row = 0; row < divergence->n_rows; row++) {
        for (uint32_t i = 0; i < VKH_DIVERGENCE_COLUMNS; i++) {
            const char *text = divergence->rows[row][i];
            const size_t room = widths[i] - vkh_text_width(text);
            fputs(i > 0 ? "  " : "", stream);
            pad(stream, i == VKH_DIVERGENCE_METHOD ? 0 : room);
            fputs(text, stream);
            pad(stream, i == VKH_DIVERGENCE_METHOD ? room : 0);
        }
        fputc('\n', stream);
    }
    fputc('\n', stream);
}

static enum vkh_status write_one(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                 FILE *stream)
{
    struct vkh_summary summary;
    if (vkh_summary_make(results, arena, &summary) != VKH_OK)
        return VKH_ERR_MEMORY;
    const size_t *widths = column_widths(&summary, arena);
    if (!widths)
        return VKH_ERR_MEMORY;
    write_facts(stream, summary.head, summary.n_head);
    fputc('\n', stream);
    for (uint32_t row = 0; row < summary.n_rows; row++)
        write_row(stream, &summary, widths, row);
    fputc('\n', stream);
    if (summary.has_unmoved)
        fprintf(stream, "%s\n", summary.unmoved_legend);
    for (uint32_t i = 0; i < summary.notes.n; i++)
        fprintf(stream, "note: %s\n", summary.notes.lines[i]);
    if (summary.divergence.title && (summary.has_unmoved || summary.notes.n > 0))
        fputc('\n', stream);
    write_divergence(stream, &summary.divergence);
    write_facts(stream, summary.tail, VKH_SUMMARY_TAIL);
    return VKH_OK;
}

enum vkh_status vkh_write_table(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                FILE *stream)
{
    enum vkh_status status = VKH_OK;
    for (const struct vkh_ppl_results *r = results; r && status == VKH_OK; r = r->next) {
        const char *label = vkh_label_make(results, r, arena);
        if (!label)
            return VKH_ERR_MEMORY;
        if (results->next)
            fprintf(stream, "%s== %s\n\n", r == results ? "" : "\n", label);
        status = write_one(r, arena, stream);
    }
    return status;
}
