// SPDX-License-Identifier: MIT
#include "ppl_outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPT_QUIET = 'q',
    OPT_VERBOSE = 'v',
    OPT_OUTPUT = 'o',
    OPT_FORMAT = 256,
    OPT_PLOT,
    OPT_CURVE,
    OPT_REFERENCE,
};

enum { GROUP = PPL_OUTPUTS_GROUP };

static const struct argp_option options[] = {
    {"output", OPT_OUTPUT, "FILE", 0, "results as .json .csv .md .txt .html; repeatable",
     GROUP + 1},
    {"format", OPT_FORMAT, "NAME", 0, "table, markdown, csv, json or html", GROUP + 2},
    {"plot", OPT_PLOT, "FILE", 0, "PPL against length, .svg or .png (by gnuplot)", GROUP + 3},
    {"curve", OPT_CURVE, "FILE", 0, "NLL against position", GROUP + 5},
    {"reference", OPT_REFERENCE, "FILE", 0, "published table to show beside it in HTML", GROUP + 6},
    {"quiet", OPT_QUIET, NULL, 0, "no progress, no notes on standard error", GROUP + 7},
    {"verbose", OPT_VERBOSE, NULL, 0, "tell what the library does", GROUP + 8},
    {0},
};

struct named_file {
    const char *option, *path;
};

static void *append(const struct tool *tool, void *list, uint32_t count, size_t size)
{
    void *larger = reallocarray(list, (size_t)count + 1, size);
    if (!larger)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    return larger;
}

void ppl_add_string(const struct tool *tool, const char *text, struct ppl_strings *strings)
{
    strings->items = append(tool, strings->items, strings->n, sizeof(*strings->items));
    strings->items[strings->n++] = text;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct ppl_parse *parse = state->input;
    struct tool *tool = parse->tool;
    struct ppl_args *args = parse->args;
    switch (key) {
    case OPT_FORMAT:
        parse->format = text;
        return 0;
    case OPT_OUTPUT:
        args->outputs = append(tool, args->outputs, args->n_outputs, sizeof(*args->outputs));
        args->outputs[args->n_outputs++] = (struct ppl_output){.path = text};
        return 0;
    case OPT_PLOT:
        tool_option_name(tool, "--plot", text, &args->plot);
        return 0;
    case OPT_REFERENCE:
        tool_option_name(tool, "--reference", text, &args->reference);
        return 0;
    case OPT_CURVE:
        tool_option_name(tool, "--curve", text, &args->curve);
        return 0;
    case OPT_QUIET:
        tool->quiet = true;
        return 0;
    case OPT_VERBOSE:
        tool->verbose = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp ppl_outputs_parser = {options, parse_option, NULL, NULL, NULL, NULL, NULL};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum vkh_report_format format_of_ending(const struct tool *tool, const char *path)
{
    static const struct {
        const char *ending;
        enum vkh_report_format format;
    } endings[] = {{".json", VKH_REPORT_JSON},
                   {".csv", VKH_REPORT_CSV},
                   {".md", VKH_REPORT_MARKDOWN},
                   {".txt", VKH_REPORT_TABLE},
                   {".html", VKH_REPORT_HTML}};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ends_with(path, endings[i].ending))
            return endings[i].format;
    tool_die(
        tool, TOOL_USAGE,
        "--output: \"%s\" ends in none of .json, .csv, .md, .txt and .html, so --format must say "
        "its format",
        path);
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static bool has_page(const struct ppl_args *args)
{
    bool has = args->format == VKH_REPORT_HTML;
    for (uint32_t i = 0; i < args->n_outputs; i++)
        has |= args->outputs[i].format == VKH_REPORT_HTML;
    return has;
}

void ppl_outputs_settle(const struct tool *tool, const char *format, struct ppl_args *args)
{
    enum vkh_report_format chosen = VKH_REPORT_TABLE;
    if (format && !vkh_report_format_from_name(format, &chosen))
        tool_die(tool, TOOL_USAGE, "--format: \"%s\" is none of table, markdown, csv, json, html",
                 format);
    for (uint32_t i = 0; i < args->n_outputs; i++)
        args->outputs[i].format = format ? chosen : format_of_ending(tool, args->outputs[i].path);
    args->format = args->n_outputs > 0 ? VKH_REPORT_TABLE : chosen;
    if (format && args->n_outputs == 0 && (is_stdout(args->nll) || is_stdout(args->curve)))
        tool_die(tool, TOOL_USAGE,
                 "--format: standard output is that of %s, so --output is missing",
                 is_stdout(args->nll) ? "--nll" : "--curve");
    if (args->reference && !has_page(args))
        tool_die(tool, TOOL_USAGE, "--reference: no output is HTML, which alone shows it");
    if (args->plot && !ends_with(args->plot, ".svg") && !ends_with(args->plot, ".png"))
        tool_die(tool, TOOL_USAGE, "--plot: \"%s\" ends in neither .svg nor .png", args->plot);
}

// A long run must not end at a folder that is not there.
static void check_writable(const struct tool *tool, const struct named_file *output)
{
    const char *path = output->path;
    struct stat info;
    if (is_stdout(path))
        return;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        if (S_ISDIR(info.st_mode) || access(path, W_OK) != 0)
            tool_die(tool, TOOL_FILE, "%s: %s: cannot be written", output->option, path);
        return;
    }
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (!folder)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    if (access(folder, W_OK | X_OK) != 0)
        tool_die(tool, TOOL_FILE, "%s: %s: cannot write in this folder", output->option, path);
    free(folder);
}

static void check_against(const struct tool *tool, const struct named_file *output,
                          const struct named_file *other)
{
    if (tool_is_same_file(output->path, other->path))
        tool_die(tool, TOOL_USAGE, "%s: %s is also the file of %s", output->option, output->path,
                 other->option);
}

static void check_against_inputs(const struct tool *tool, const struct ppl_args *args,
                                 const struct named_file *output)
{
    if (is_stdout(output->path))
        return;
    if (args->model)
        check_against(tool, output, &(struct named_file){"--model", args->model});
    if (args->kl_model)
        check_against(tool, output, &(struct named_file){"--kl-model", args->kl_model});
    if (args->reference)
        check_against(tool, output, &(struct named_file){"--reference", args->reference});
    for (uint32_t i = 0; i < args->texts.n; i++)
        check_against(tool, output, &(struct named_file){"--text", args->texts.items[i]});
    for (uint32_t i = 0; i < args->tokens.n; i++)
        check_against(tool, output, &(struct named_file){"--tokens", args->tokens.items[i]});
    for (uint32_t i = 0; i < args->reports.n; i++)
        check_against(tool, output, &(struct named_file){"a report", args->reports.items[i]});
}

// Nor must it end without the program that draws, or at a table that cannot be read.
static void check_report(const struct tool *tool, const char *option, const char *path,
                         enum vkh_status (*check)(const char *path, const struct vkh_log *log))
{
    struct tool named = *tool;
    named.context = option;
    const struct vkh_log log = tool_log(&named);
    const enum vkh_status status = check(path, &log);
    if (status != VKH_OK)
        exit((int)tool_exit_of(status));
}

void ppl_outputs_check(const struct tool *tool, const struct ppl_args *args)
{
    const struct named_file others[] = {
        {"--plot", args->plot},
        {"--nll", args->nll},
        {"--curve", args->curve},
        {"--resume", args->resume},
    };
    enum { N_OTHERS = sizeof(others) / sizeof(others[0]) };
    struct named_file *files = calloc((size_t)args->n_outputs + N_OTHERS, sizeof(*files));
    if (!files)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    uint32_t n = 0;
    for (; n < args->n_outputs; n++)
        files[n] = (struct named_file){"--output", args->outputs[n].path};
    for (size_t i = 0; i < N_OTHERS; i++)
        if (others[i].path)
            files[n++] = others[i];
    for (uint32_t i = 0; i < n; i++) {
        check_writable(tool, &files[i]);
        for (uint32_t j = 0; j < i; j++)
            check_against(tool, &files[i], &files[j]);
        check_against_inputs(tool, args, &files[i]);
    }
    free(files);
    if (args->plot && !args->memory_plan)
        check_report(tool, "--plot", args->plot, vkh_report_plot_check);
    if (args->reference && !args->memory_plan)
        check_report(tool, "--reference", args->reference, vkh_report_reference_check);
}

static enum vkh_status save(const struct ppl_args *args, const char *command,
                            const struct vkh_ppl_results *results, enum vkh_report_format format,
                            const char *path, const struct vkh_log *log)
{
    const struct vkh_report_html_options page = {command, args->reference};
    return format == VKH_REPORT_HTML ? vkh_report_html(results, &page, path, log)
                                     : vkh_report_save(results, format, path, log);
}

enum vkh_status ppl_outputs_write(struct tool *tool, const struct ppl_args *args,
                                  const char *command, const struct vkh_ppl_results *results,
                                  const struct vkh_ppl_text *texts)
{
    const struct vkh_log log = tool_log(tool);
    enum vkh_status first = VKH_OK, status;
    bool to_stdout = (args->n_outputs == 0 || !tool->quiet) && !is_stdout(args->nll) &&
                     !is_stdout(args->curve); // what is asked for there takes the table's place
    for (uint32_t i = 0; i < args->n_outputs; i++) {
        const struct ppl_output *output = &args->outputs[i];
        status = save(args, command, results, output->format, output->path, &log);
        first = first == VKH_OK ? status : first;
        to_stdout &= !is_stdout(output->path);
    }
    if (args->nll) {
        status = vkh_report_nll(results, texts, args->nll, &log);
        first = first == VKH_OK ? status : first;
    }
    if (args->curve) {
        status = vkh_report_curve(results, args->curve, &log);
        first = first == VKH_OK ? status : first;
    }
    if (to_stdout) {
        status = save(args, command, results, args->format, "-", &log);
        first = first == VKH_OK ? status : first;
    }
    if (args->plot) {
        status = vkh_report_plot(results, args->plot, &log);
        first = first == VKH_OK ? status : first;
    }
    return first;
}
