// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stddef.h>
#include <stdio.h>

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

static void vlogf(const struct vkh_log *log, enum vkh_log_level level, const char *fmt,
                  va_list args)
{
    if (!log || !log->fn || level > log->max_level)
        return;
    char line[1024];
    vsnprintf(line, sizeof(line), fmt, args);
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
