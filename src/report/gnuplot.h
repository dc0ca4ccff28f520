// SPDX-License-Identifier: MIT
// gnuplot as a child process.
#ifndef VKH_REPORT_GNUPLOT_H
#define VKH_REPORT_GNUPLOT_H

#include <stdio.h>
#include <vkhrope/status.h>

// Runs the script that was written to `script`, a temporary file open for reading and writing, and
// writes what it draws to the descriptor of `picture`. No shell, no start-up file of the user.
//   VKH_ERR_UNSUPPORTED  gnuplot is not installed
//   VKH_ERR_IO           it could not be started, or failed: its first line of complaint is logged
// `name` is the picture's, for the log.
enum vkh_status vkh_gnuplot_run(FILE *script, FILE *picture, const char *name,
                                const struct vkh_log *log);

// A text of valid UTF-8 without control characters as a literal that gnuplot takes as it stands.
void vkh_gnuplot_literal(FILE *script, const char *text);

#endif
