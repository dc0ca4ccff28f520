// SPDX-License-Identifier: MIT
// The files that vkhrope-ppl is to write.
#ifndef VKHROPE_TOOLS_PPL_OUTPUTS_H
#define VKHROPE_TOOLS_PPL_OUTPUTS_H

#include <argp.h>

#include "ppl_args.h"

// What the command line is parsed with.
struct ppl_parse {
    struct tool *tool;
    struct ppl_args *args;
    const char *format; // NULL: not given
};

// The options of outputs; its input is a struct ppl_parse. They are argp's groups from this one on,
// whose heading is the parser's that has them.
enum { PPL_OUTPUTS_GROUP = 40 };
extern const struct argp ppl_outputs_parser;

// Each ends the process with a message when something is wrong.

// Gives every output its format: `format`, or without one that of its ending.
void ppl_outputs_settle(const struct tool *tool, const char *format, struct ppl_args *args);

// Every file can be written, none replaces an input or another output, plots can be drawn and the
// reference read.
void ppl_outputs_check(const struct tool *tool, const struct ppl_args *args);

void ppl_add_string(const struct tool *tool, const char *text, struct ppl_strings *strings);

// Writes everything; tries every output, so that one that fails does not cost the others, and
// returns the first failure's status. `texts` are of --nll.
enum vkh_status ppl_outputs_write(struct tool *tool, const struct ppl_args *args,
                                  const char *command, const struct vkh_ppl_results *results,
                                  const struct vkh_ppl_text *texts);

#endif
