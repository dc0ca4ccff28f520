// SPDX-License-Identifier: MIT
// The files that tools read: texts and lists of token ids.
#ifndef VKHROPE_TOOLS_INPUT_H
#define VKHROPE_TOOLS_INPUT_H

#include <stdint.h>

#include "tool.h"

// The whole of a file ("-" is standard input) in memory of malloc; prints a message when it fails.
enum vkh_status input_read(const struct tool *tool, const char *path, char **data, uint64_t *bytes);

// Whitespace-separated decimal ids below 2^31, in memory of malloc. The message names line and
// column.
enum vkh_status input_read_ids(const struct tool *tool, const char *path, int32_t **ids,
                               uint64_t *n_ids);

#endif
