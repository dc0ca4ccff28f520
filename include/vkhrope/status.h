// SPDX-License-Identifier: MIT
#ifndef VKHROPE_STATUS_H
#define VKHROPE_STATUS_H

// What the shared library exports.
#define VKH_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

// Every function that can fail returns one of these and logs one line that names the cause.
enum vkh_status {
    VKH_OK = 0,
    VKH_ERR_ARGUMENT,      // a parameter is out of its documented range
    VKH_ERR_IO,            // a file cannot be opened, read or written
    VKH_ERR_FORMAT,        // a file's content is malformed or contradicts itself
    VKH_ERR_UNSUPPORTED,   // well-formed, but outside what this version can compute
    VKH_ERR_DEVICE,        // no usable Vulkan device, or a Vulkan call failed
    VKH_ERR_DEVICE_LOST,   // VK_ERROR_DEVICE_LOST
    VKH_ERR_MEMORY,        // out of host memory
    VKH_ERR_DEVICE_MEMORY, // out of device memory
    VKH_ERR_CANCELLED,     // a callback asked to stop
    VKH_ERR_INTERNAL,      // a result is not a number, or an invariant broke
};

// A short English phrase for the status; static storage, never NULL.
VKH_API const char *vkh_status_text(enum vkh_status status);

enum vkh_log_level {
    VKH_LOG_ERROR,
    VKH_LOG_WARNING,
    VKH_LOG_INFO,
    VKH_LOG_DEBUG,
};

// Where messages go. `fn` may be NULL (silence); it is called with one line of UTF-8 without
// control characters or a line break, whatever is in a file that it tells of, from the thread that
// called the library. Messages above `max_level` are not produced.
struct vkh_log {
    void (*fn)(void *user, enum vkh_log_level level, const char *line);
    void *user;
    enum vkh_log_level max_level;
};

#ifdef __cplusplus
}
#endif
#endif
