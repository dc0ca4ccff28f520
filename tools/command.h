// SPDX-License-Identifier: MIT
// The command line as one can type it again.
#ifndef VKHROPE_TOOLS_COMMAND_H
#define VKHROPE_TOOLS_COMMAND_H

#include "tool.h"

// The arguments, quoted for a shell where they need it, in memory of malloc; ends the process when
// out of memory.
char *command_line(const struct tool *tool, int argc, char **argv);

#endif
