// SPDX-License-Identifier: MIT
// A file written whole or not at all.
#ifndef VKHROPE_TOOLS_OUTPUT_H
#define VKHROPE_TOOLS_OUTPUT_H

#include <stdio.h>

#include "tool.h"

// What goes to `stream` lies under a temporary name beside the file until it is all there; a
// symbolic link stays one. What is no regular file (a pipe, a device) is written in place, and
// "-" is standard output.
struct output {
    const char *name; // as given, for messages
    FILE *stream;
    char *path, *temporary; // NULL where the name is written in place
};

// VKH_ERR_IO or VKH_ERR_MEMORY, with a message.
enum vkh_status output_open(const struct tool *tool, const char *path, struct output *output);
// Gives the file its name; a byte that did not go out is VKH_ERR_IO, and leaves what was there. Of
// standard output tool_finish looks whether it went out.
enum vkh_status output_commit(const struct tool *tool, struct output *output);

#endif
