// SPDX-License-Identifier: MIT
// What the rooms above know of a device beyond its public face.
#ifndef VKH_GPU_DEVICE_H
#define VKH_GPU_DEVICE_H

#include <vkhrope/device.h>

const struct vkh_log *vkh_device_log(const struct vkh_device *device);
// The options' choice of variants, NULL without one.
const char *vkh_device_variants(const struct vkh_device *device);
// Messages the validation layers have sent so far.
uint32_t vkh_device_validation_messages(const struct vkh_device *device);

#endif
