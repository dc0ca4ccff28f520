// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

const char *vkh_status_text(enum vkh_status status)
{
    switch (status) {
    case VKH_OK:
        return "no error";
    case VKH_ERR_ARGUMENT:
        return "invalid argument";
    case VKH_ERR_IO:
        return "input/output error";
    case VKH_ERR_FORMAT:
        return "malformed input";
    case VKH_ERR_UNSUPPORTED:
        return "not supported";
    case VKH_ERR_DEVICE:
        return "Vulkan device error";
    case VKH_ERR_DEVICE_LOST:
        return "Vulkan device lost";
    case VKH_ERR_MEMORY:
        return "out of host memory";
    case VKH_ERR_DEVICE_MEMORY:
        return "out of device memory";
    case VKH_ERR_CANCELLED:
        return "cancelled";
    case VKH_ERR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

// One line that is safe to show, whatever a file calls its parts: white space becomes a space, what
// else cannot be printed a question mark.
static void clean(char *line)
{
    const char *in = line;
    char *out = line;
    for (size_t left = strlen(line); left > 0;) {
        bool keep;
        const size_t taken = vkh_printable(in, left, &keep);
        if (keep)
            memmove(out, in, taken);
        else
            *out = strchr("\t\n\v\f\r", *in) ? ' ' : '?';
        out += keep ? taken : 1;
        in += taken;
        left -= taken;
    }
    *out = '\0';
}

static void vlogf(const struct vkh_log *log, enum vkh_log_level level, const char *fmt,
                  va_list args)
{
    if (!log || !log->fn || level > log->max_level)
        return;
    char line[1024];
    vsnprintf(line, sizeof(line), fmt, args);
    clean(line);
    log->fn(log->user, level, line);
}

void vkh_logf(const struct vkh_log *log, enum vkh_log_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vlogf(log, level, fmt, args);
    va_end(args);
}

enum vkh_status vkh_fail(const struct vkh_log *log, enum vkh_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vlogf(log, VKH_LOG_ERROR, fmt, args);
    va_end(args);
    return status;
}
