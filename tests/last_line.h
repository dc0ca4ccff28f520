// SPDX-License-Identifier: MIT
// The last line that was logged, for checks of what a message says.
#ifndef VKH_TESTS_LAST_LINE_H
#define VKH_TESTS_LAST_LINE_H

#include <stdio.h>
#include <vkhrope/status.h>

static char last_line[1024];

static void keep_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static const struct vkh_log log_to_line = {keep_line, NULL, VKH_LOG_ERROR};

#endif
