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
// Whether compute shaders can run in subgroups of this many invocations.
bool vkh_device_has_subgroup(const struct vkh_device *device, uint32_t size);
// What asks a pipeline for them: the size, or 0 where it cannot be asked for.
uint32_t vkh_device_subgroup(const struct vkh_device *device, uint32_t size);

#endif
