// SPDX-License-Identifier: MIT
// The variants of an operation, floor tier first, better ones later.
#ifndef VKH_KERNELS_VARIANT_H
#define VKH_KERNELS_VARIANT_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_device;
struct vkh_shader;

struct vkh_variant {
    const char *name;
    uint32_t needs; // bits of enum vkh_cap
    const struct vkh_shader *shader;
};

bool vkh_variant_supported(const struct vkh_device *device, const struct vkh_variant *variant);

// The one the device's options name for `op`, else the last supported one. A name that is unknown
// or not supported is VKH_ERR_ARGUMENT.
enum vkh_status vkh_variant_choose(const struct vkh_device *device, const char *op,
                                   const struct vkh_variant *variants, uint32_t n_variants,
                                   const struct vkh_variant **chosen);

#endif
