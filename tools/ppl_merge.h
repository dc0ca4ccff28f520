// SPDX-License-Identifier: MIT
#ifndef VKHROPE_TOOLS_PPL_MERGE_H
#define VKHROPE_TOOLS_PPL_MERGE_H

#include "tool.h"

// `vkhrope-ppl merge`: reads reports, writes what they are together. argv[0] is the word `merge`;
// `command` is the whole line. Returns the exit code.
int ppl_merge(struct tool *tool, int argc, char **argv, const char *command);

#endif
