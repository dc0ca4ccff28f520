// SPDX-License-Identifier: MIT
#include "ppl_merge.h"

#include <argp.h>
#include <stdlib.h>

#include "ppl_outputs.h"

static const char doc[] =
    "Joins reports that vkhrope-ppl wrote as JSON into one: the shards of a run, runs of other "
    "methods or lengths, of other devices, of other models.\v"
    "Example:\n"
    "  for i in 1 2 3 4; do\n"
    "    vkhrope-ppl --model model.gguf --text texts/ --shard $i/4 -qo shard-$i.json\n"
    "  done\n"
    "  vkhrope-ppl merge shard-*.json -o results.html\n\n"
    "All shards of a run become that run: the same numbers, compared with its baseline. Runs of "
    "one model, regime, original_max_len and texts become one table; others a table each. A shard "
    "that is missing, or runs of one device that contradict each other, are "
    "errors.\n\n" TOOL_EXIT_HELP;

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
    static const struct argp parser = {NULL, parse_option, "REPORT.json...", doc, children,
                                       NULL, NULL};
    static char program[] = "vkhrope-ppl merge";
    *args = (struct ppl_args){0};
    struct ppl_parse parse = {.tool = tool, .args = args};
    argp_program_version = "vkhrope-ppl " VKH_VERSION;
    argp_err_exit_status = TOOL_USAGE;
    argv[0] = program;
    if (argp_parse(&parser, argc, argv, 0, NULL, &parse) != 0)
        tool_die(tool, TOOL_USAGE, "cannot read the command line");
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
