// SPDX-License-Identifier: MIT
#include "ppl_merge.h"

#include <argp.h>
#include <stdlib.h>

#include "ppl_outputs.h"

static const struct argp_option options[] = {
    TOOL_HEADING("What to write:", PPL_OUTPUTS_GROUP),
    {0},
};

static const char doc[] =
    "Joins reports that vkhrope-ppl wrote as JSON into one: the shards of a run,\n"
    "or runs of other methods, lengths, devices or models.\v"
    "Example:\n"
    "  vkhrope-ppl merge shard-*.json -o results.html\n\n" TOOL_EXIT_HELP
    "\nMore: man vkhrope-ppl-merge";

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct ppl_parse *parse = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = parse;
        return 0;
    case ARGP_KEY_ARG:
        ppl_add_string(parse->tool, text, &parse->args->reports);
        return 0;
    case ARGP_KEY_NO_ARGS:
        tool_die(parse->tool, TOOL_USAGE, "merge: no report is given (see merge --help)");
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse_args(struct tool *tool, int argc, char **argv, struct ppl_args *args)
{
    static const struct argp_child children[] = {{&ppl_outputs_parser, 0, NULL, 0}, {0}};
    static const struct argp parser = {options, parse_option, "REPORT.json...", doc, children,
                                       NULL,    NULL};
    *args = (struct ppl_args){0};
    struct ppl_parse parse = {.tool = tool, .args = args};
    tool_parse(tool, "merge", &parser, argc, argv, &parse);
    ppl_outputs_settle(tool, parse.format, args);
    ppl_outputs_check(tool, args);
}

int ppl_merge(struct tool *tool, int argc, char **argv, const char *command)
{
    struct ppl_args args;
    parse_args(tool, argc, argv, &args);
    const struct vkh_log log = tool_log(tool);
    struct vkh_ppl_results **runs = calloc(args.reports.n, sizeof(*runs)), *merged = NULL;
    if (!runs)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < args.reports.n && status == VKH_OK; i++)
        status = vkh_report_read(args.reports.items[i], &log, &runs[i]);
    if (status == VKH_OK)
        status = vkh_report_merge((const struct vkh_ppl_results *const *)runs, args.reports.items,
                                  args.reports.n, &log, &merged);
    if (status == VKH_OK)
        status = ppl_outputs_write(tool, &args, command, merged, NULL);
    vkh_ppl_results_destroy(&merged);
    for (uint32_t i = 0; i < args.reports.n; i++)
        vkh_ppl_results_destroy(&runs[i]);
    free(runs);
    ppl_args_fini(&args);
    return tool_finish(tool, tool_exit_of(status));
}
