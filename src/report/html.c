// SPDX-License-Identifier: MIT
// One self-contained page: nothing is fetched, no script runs, what comes from files is escaped.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "report/format.h"
#include "report/label.h"
#include "report/plot.h"
#include "report/reference.h"
#include "report/summary.h"
#include "report/text.h"

struct page {
    FILE *stream;
    const struct vkh_ppl_results *first;   // clean
    const struct vkh_ppl_results *results; // those of them at hand
    const struct vkh_ppl_results *given;   // the same as the caller has them
    const struct vkh_report_html_options *options;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    struct vkh_summary summary;
    struct vkh_reference reference;
};

static const char style[] =
    ":root{color-scheme:light dark;--text:#1c1c1c;--soft:#5c5c5c;--line:#d8d8d8;--back:#fff;"
    "--best:#dff3e4}\n"
    "@media(prefers-color-scheme:dark){:root{--text:#e8e8e8;--soft:#a0a0a0;--line:#404040;"
    "--back:#161616;--best:#1d4028}img{filter:invert(.915) hue-rotate(180deg)}}\n"
    "body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:60rem;margin:auto;padding:1rem}h1{font-size:1.5rem}h2{font-size:1.1rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.35rem .7rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}\n"
    "th:first-child{position:sticky;left:0;background:var(--back)}\n"
    "td.best{background:var(--best);font-weight:600}small{display:block;color:var(--soft);"
    "font-weight:400}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}\n"
    "@media(max-width:34rem){dl{display:block}dd{margin-bottom:.5rem}}\n"
    "img{width:100%;height:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.7rem;"
    "border:1px solid var(--line)}\n";

static void escape(FILE *stream, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", stream);
            break;
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '"':
            fputs("&quot;", stream);
            break;
        default:
            fputc(*text, stream);
        }
    }
}

static void element(FILE *stream, const char *name, const char *text)
{
    fprintf(stream, "<%s>", name);
    escape(stream, text);
    fprintf(stream, "</%s>\n", name);
}

static void write_facts(FILE *stream, const struct vkh_fact *facts, int count)
{
    fputs("<dl>\n", stream);
    for (int i = 0; i < count; i++) {
        element(stream, "dt", facts[i].label);
        element(stream, "dd", facts[i].text);
    }
    fputs("</dl>\n", stream);
}

// The lowest PPL of a length, unless every method has it.
static bool is_best(const struct vkh_ppl_results *results, uint32_t method, uint32_t length)
{
    const double ppl = vkh_results_cell(results, method, length)->ppl;
    bool above = false;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const double other = vkh_results_cell(results, m, length)->ppl;
        if (other < ppl)
            return false;
        above |= other > ppl;
    }
    return above;
}

static void write_published(const struct page *page, uint32_t method, uint32_t length)
{
    const struct vkh_reference_row *row = vkh_reference_find(
        &page->reference, page->results->methods[method], page->results->lengths[length]);
    if (!row)
        return;
    fprintf(page->stream, "<small>published %.6g", row->ppl);
    if (row->tokens != row->length)
        fprintf(page->stream, " (of %u tokens)", row->tokens);
    fputs("</small>", page->stream);
}

static void write_row(const struct page *page, uint32_t row)
{
    const struct vkh_summary *summary = &page->summary;
    const struct vkh_grid_cell *cells = &summary->grid[(uint64_t)row * summary->n_columns];
    FILE *stream = page->stream;
    fputs("<tr>", stream);
    for (uint32_t column = 0; column < summary->n_columns; column++) {
        const bool number = row > 0 && column > 0 && column <= page->results->n_methods;
        const char *name = row == 0 || column == 0 ? "th" : "td";
        const bool best = number && is_best(page->results, column - 1, row - 1);
        fprintf(stream, "<%s%s>", name,
                row == 0      ? " scope=\"col\""
                : column == 0 ? " scope=\"row\""
                : best        ? " class=\"best\""
                              : "");
        escape(stream, cells[column].text);
        fputs(cells[column].unmoved ? " =" : "", stream);
        if (number)
            write_published(page, column - 1, row - 1);
        fprintf(stream, "</%s>", name);
    }
    fputs("</tr>\n", stream);
}

static void write_table(const struct page *page)
{
    const struct vkh_summary *summary = &page->summary;
    FILE *stream = page->stream;
    fputs("<div class=\"wide\"><table>\n<thead>", stream);
    write_row(page, 0);
    fputs("</thead>\n<tbody>\n", stream);
    for (uint32_t row = 1; row < summary->n_rows; row++)
        write_row(page, row);
    fputs("</tbody></table></div>\n", stream);
    if (summary->has_unmoved)
        element(stream, "p", summary->unmoved_legend);
    for (uint32_t i = 0; i < summary->notes.n; i++)
        element(stream, "p", summary->notes.lines[i]);
    if (page->reference.n_rows > 0)
        element(stream, "p", page->reference.title);
}

static void write_divergence(FILE *stream, const struct vkh_divergence *divergence)
{
    if (!divergence->title)
        return;
    element(stream, "h2", "KL divergence");
    element(stream, "p", divergence->title);
    fputs("<div class=\"wide\"><table>\n", stream);
    for (uint32_t row = 0; row < divergence->n_rows; row++) {
        fputs("<tr>", stream);
        for (uint32_t i = 0; i < VKH_DIVERGENCE_COLUMNS; i++)
            element(stream, row == 0 || i <= VKH_DIVERGENCE_METHOD ? "th" : "td",
                    divergence->rows[row][i]);
        fputs("</tr>\n", stream);
    }
    fputs("</table></div>\n", stream);
}

// An SVG as the address of an image, in which no script runs.
static void write_address(FILE *stream, FILE *picture)
{
    int byte;
    rewind(picture);
    fputs("data:image/svg+xml,", stream);
    while ((byte = fgetc(picture)) != EOF) {
        if (byte < 0x20 || byte > 0x7e || strchr("\"#%&'<>?[\\]^`{|}", byte))
            fprintf(stream, "%%%02X", (unsigned)byte);
        else
            fputc(byte, stream);
    }
}

// A page without a plot is still a page.
static void write_picture(const struct page *page, const char *title, enum vkh_status status,
                          FILE *picture)
{
    element(page->stream, "h2", title);
    if (status == VKH_OK) {
        fprintf(page->stream, "<img alt=\"%s\" src=\"", title);
        write_address(page->stream, picture);
        fputs("\">\n", page->stream);
    } else {
        element(page->stream, "p",
                status == VKH_ERR_UNSUPPORTED ? "Plots need gnuplot, which is not installed."
                                              : "gnuplot could not draw this plot.");
    }
}

static enum vkh_status write_plot(const struct page *page, int which)
{
    static const char *const titles[] = {"Perplexity against length", "NLL against position",
                                         "Throughput and memory"};
    FILE *picture = tmpfile();
    if (!picture)
        return vkh_fail(page->log, VKH_ERR_IO, "report: cannot make a temporary file: %s",
                        strerror(errno));
    struct vkh_ppl_results one = *page->given;
    one.next = NULL;
    const enum vkh_status status =
        which == 0   ? vkh_plot_draw(&one, true, titles[which], page->log, picture)
        : which == 1 ? vkh_plot_draw_nll(&one, titles[which], page->log, picture)
                     : vkh_plot_draw_bars(&one, titles[which], page->log, picture);
    if (status != VKH_ERR_MEMORY)
        write_picture(page, titles[which], status, picture);
    fclose(picture);
    return status == VKH_ERR_MEMORY ? status : VKH_OK;
}

static enum vkh_status write_plots(const struct page *page)
{
    enum vkh_status status = VKH_OK;
    for (int which = 0; which < 3 && status == VKH_OK; which++)
        if (page->results->n_methods > 0 && page->results->n_lengths > 0)
            status = write_plot(page, which);
    return status;
}

// Everything of one table; `several`: under a heading of its own.
static enum vkh_status write_section(struct page *page, bool several)
{
    FILE *stream = page->stream;
    enum vkh_status status = vkh_summary_make(page->results, page->arena, &page->summary);
    if (status != VKH_OK)
        return status;
    if (several) {
        const char *label = vkh_label_make(page->first, page->results, page->arena);
        if (!label)
            return VKH_ERR_MEMORY;
        element(stream, "h2", label);
    }
    write_facts(stream, page->summary.head, page->summary.n_head);
    write_table(page);
    write_divergence(stream, &page->summary.divergence);
    status = write_plots(page);
    element(stream, "h2", "Details");
    write_facts(stream, page->summary.tail, VKH_SUMMARY_TAIL);
    return status;
}

static void write_title(const struct page *page)
{
    const char *separator = "Perplexity of ";
    for (const struct vkh_ppl_results *r = page->first; r; r = r->next) {
        bool again = false;
        for (const struct vkh_ppl_results *before = page->first; before != r; before = before->next)
            again |= strcmp(before->model, r->model) == 0;
        if (again)
            continue;
        fputs(separator, page->stream);
        escape(page->stream, r->model);
        separator = ", ";
    }
}

static enum vkh_status write_page(struct page *page)
{
    FILE *stream = page->stream;
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          stream);
    write_title(page);
    fprintf(stream, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
    write_title(page);
    fputs("</h1>\n", stream);
    enum vkh_status status = VKH_OK;
    const struct vkh_ppl_results *given = page->given;
    for (page->results = page->first; page->results && status == VKH_OK;
         page->results = page->results->next) {
        page->given = given;
        status = write_section(page, page->first->next);
        given = given->next;
    }
    if (page->options->command) {
        const char *command = vkh_text_clean(page->arena, page->options->command);
        if (!command)
            return VKH_ERR_MEMORY;
        element(stream, "h2", "Again");
        element(stream, "pre", command);
    }
    fputs("</main>\n</body>\n</html>\n", stream);
    return status;
}

static enum vkh_status write_all(const struct vkh_ppl_results *results,
                                 const struct vkh_report_html_options *options,
                                 const struct vkh_log *log, FILE *stream)
{
    struct vkh_writing writing;
    enum vkh_status status = vkh_writing_begin(results, log, &writing);
    if (status != VKH_OK)
        return status;
    struct page page = {.stream = stream,
                        .first = &writing.results,
                        .given = results,
                        .options = options,
                        .log = log,
                        .arena = &writing.arena};
    if (options->reference)
        status = vkh_reference_read(options->reference, log, page.arena, &page.reference);
    if (status == VKH_OK) {
        status = write_page(&page);
        if (status != VKH_OK)
            vkh_fail(log, status, "report: out of memory");
    }
    vkh_writing_end(&writing);
    return status;
}

enum vkh_status vkh_write_html(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               FILE *stream)
{
    static const struct vkh_report_html_options none;
    (void)arena;
    return write_all(results, &none, NULL, stream);
}

enum vkh_status vkh_report_html(const struct vkh_ppl_results *results,
                                const struct vkh_report_html_options *options, const char *path,
                                const struct vkh_log *log)
{
    struct vkh_output output;
    const enum vkh_status status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    return vkh_output_end(&output, write_all(results, options, log, output.stream), log);
}
