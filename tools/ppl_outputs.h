// SPDX-License-Identifier: MIT
// The files that vkhrope-ppl is to write.
#ifndef VKHROPE_TOOLS_PPL_OUTPUTS_H
#define VKHROPE_TOOLS_PPL_OUTPUTS_H

#include "ppl_args.h"

// Each ends the process with a message when something is wrong.

// Gives every output its format: `format`, or without one that of its ending.
void ppl_outputs_settle(const struct tool *tool, const char *format, struct ppl_args *args);

// Every file can be written, and none replaces an input or another output.
void ppl_outputs_check(const struct tool *tool, const struct ppl_args *args);

#endif
