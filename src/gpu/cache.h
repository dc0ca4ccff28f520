// SPDX-License-Identifier: MIT
// What a device keeps between runs, in the folder that vkh_device_options.cache names: a file of
// pipelines as its driver compiled them (cache.c), and one of measured choices (choices.h). A file
// that is missing, foreign or damaged is as good as none, and one that cannot be written is not:
// the log tells at its most verbose.
#ifndef VKH_GPU_CACHE_H
#define VKH_GPU_CACHE_H

#include <stdbool.h>

#include "gpu/internal.h"

// FOLDER/VENDOR-DEVICE-DRIVERVERSION-UUID and `ending`, all but the folder of the driver's. The
// caller frees it; NULL without a folder.
char *vkh_cache_path(const struct vkh_device *device, const char *ending);

// Whether there is a folder and files can be made in it; makes the folder and those above it.
bool vkh_cache_is_writable(const struct vkh_device *device);

// Makes the device's pipeline cache, of what the folder holds.
VkResult vkh_cache_open(struct vkh_device *device);
// Keeps what is new in it and destroys it. Does nothing without one.
void vkh_cache_close(struct vkh_device *device);

#endif
