// SPDX-License-Identifier: MIT
// Messages through the caller's callback.
#ifndef VKH_BASE_LOG_H
#define VKH_BASE_LOG_H

#include <stdarg.h>
#include <vkhrope/status.h>

#define VKH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// Formats one line, without control characters and in valid UTF-8; one longer than 1023 bytes is
// cut. `log` may be NULL.
void vkh_logf(const struct vkh_log *log, enum vkh_log_level level, const char *fmt, ...)
    VKH_PRINTF(3, 4);

// Logs an error line and returns `status`, so that failing reads
// `return vkh_fail(log, VKH_ERR_IO, "%s: cannot open: %s", path, strerror(errno));`
enum vkh_status vkh_fail(const struct vkh_log *log, enum vkh_status status, const char *fmt, ...)
    VKH_PRINTF(3, 4);

#endif
