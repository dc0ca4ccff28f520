// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "report/format.h"
#include "report/label.h"
#include "report/summary.h"

// A backslash before what Markdown would read as markup (CommonMark allows it before any ASCII
// punctuation), bars of tables included.
static void write_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~&!", *text))
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void write_facts(FILE *stream, const struct vkh_fact *facts, int count)
{
    for (int i = 0; i < count; i++) {
        fprintf(stream, "- %s: ", facts[i].label);
        write_escaped(stream, facts[i].text);
        fputc('\n', stream);
    }
}

static void write_rule(FILE *stream, uint32_t n_right, uint32_t n_left)
{
    for (uint32_t column = 0; column < n_right; column++)
        fputs("|---:", stream);
    for (uint32_t column = 0; column < n_left; column++)
        fputs("|:---", stream);
    fputs("|\n", stream);
}

static void write_grid(FILE *stream, const struct vkh_summary *summary)
{
    for (uint32_t row = 0; row < summary->n_rows; row++) {
        for (uint32_t column = 0; column < summary->n_columns; column++) {
            const struct vkh_grid_cell *cell =
                &summary->grid[(uint64_t)row * summary->n_columns + column];
            fputs("| ", stream);
            write_escaped(stream, cell->text);
            fputs(cell->unmoved ? " = " : " ", stream);
        }
        fputs("|\n", stream);
        if (row == 0)
            write_rule(stream, summary->n_columns - summary->has_best, summary->has_best);
    }
}

static void write_divergence(FILE *stream, const struct vkh_divergence *divergence)
{
    if (!divergence->title)
        return;
    write_escaped(stream, divergence->title);
    fputs("\n\n", stream);
    for (uint32_t row = 0; row < divergence->n_rows; row++) {
        for (uint32_t i = 0; i < VKH_DIVERGENCE_COLUMNS; i++) {
            fputs("| ", stream);
            write_escaped(stream, divergence->rows[row][i]);
            fputc(' ', stream);
        }
        fputs("|\n", stream);
        if (row == 0)
            for (uint32_t i = 0; i < VKH_DIVERGENCE_COLUMNS; i++)
                fputs(i == VKH_DIVERGENCE_METHOD ? "|:---" : "|---:", stream);
        if (row == 0)
            fputs("|\n", stream);
    }
    fputc('\n', stream);
}

static void write_number(FILE *stream, const char *format, double number)
{
    fputs(" | ", stream);
    if (!isnan(number))
        fprintf(stream, format, number);
}

// What texts have between them only where there are several.
static void write_cell(FILE *stream, const char *method, const struct vkh_ppl_cell *cell,
                       bool several)
{
    fputs("| ", stream);
    write_escaped(stream, method);
    fprintf(stream, " | %u | %llu | %.6f | %.6g | %.3g | %s", cell->length,
            (unsigned long long)cell->tokens_scored, cell->nll, cell->ppl, cell->standard_error,
            cell->compression_active ? "yes" : "no");
    write_number(stream, "%.2f", cell->vs_baseline_percent);
    fprintf(stream, " | %.3f | %.1f", cell->seconds, cell->tokens_per_second);
    if (several) {
        fprintf(stream, " | %u", cell->texts);
        write_number(stream, "%.3g", cell->text_error);
        write_number(stream, "%.6g", cell->macro_ppl);
        write_number(stream, "%.3g", cell->macro_error);
    }
    fputs(" |\n", stream);
}

static void write_cells(FILE *stream, const struct vkh_ppl_results *results)
{
    const bool several = results->n_texts > 1;
    fprintf(stream,
            "\n| method | length | tokens_scored | nll | ppl | stderr | compression_active "
            "| vs_baseline_percent | seconds | tokens_per_second |%s\n|:---",
            several ? " texts | text_stderr | macro_ppl | macro_stderr |" : "");
    write_rule(stream, several ? 13 : 9, 0);
    for (uint32_t m = 0; m < results->n_methods; m++)
        for (uint32_t l = 0; l < results->n_lengths; l++)
            write_cell(stream, results->methods[m], vkh_results_cell(results, m, l), several);
}

static enum vkh_status write_one(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                 FILE *stream)
{
    struct vkh_summary summary;
    if (vkh_summary_make(results, arena, &summary) != VKH_OK)
        return VKH_ERR_MEMORY;
    write_facts(stream, summary.head, summary.n_head);
    fputc('\n', stream);
    write_grid(stream, &summary);
    fputc('\n', stream);
    if (summary.has_unmoved)
        fprintf(stream, "`=` %s\n\n", summary.unmoved_legend + strlen("= "));
    for (uint32_t i = 0; i < summary.notes.n; i++) {
        fputs("Note: ", stream);
        write_escaped(stream, summary.notes.lines[i]);
        fputs("\n\n", stream);
    }
    write_divergence(stream, &summary.divergence);
    write_facts(stream, summary.tail, VKH_SUMMARY_TAIL);
    write_cells(stream, results);
    return VKH_OK;
}

enum vkh_status vkh_write_markdown(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                   FILE *stream)
{
    enum vkh_status status = VKH_OK;
    for (const struct vkh_ppl_results *r = results; r && status == VKH_OK; r = r->next) {
        const char *label = vkh_label_make(results, r, arena);
        if (!label)
            return VKH_ERR_MEMORY;
        if (results->next) {
            fputs(r == results ? "## " : "\n## ", stream);
            write_escaped(stream, label);
            fputs("\n\n", stream);
        }
        status = write_one(r, arena, stream);
    }
    return status;
}
