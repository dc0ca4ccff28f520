// SPDX-License-Identifier: MIT
// The variants of an operation, floor tier first, better ones later.
#ifndef VKH_KERNELS_VARIANT_H
#define VKH_KERNELS_VARIANT_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/device.h>

struct vkh_shader;

struct vkh_variant {
    const char *name;
    uint32_t needs; // bits of enum vkh_cap
    const struct vkh_shader *shader;
    uint32_t tile_tokens;
};

// What the variants that work with rows of 16 invocations need.
enum { VKH_NEEDS_ROWS = VKH_CAP_SUBGROUP | VKH_CAP_SUBGROUP_SIZE | VKH_CAP_SUBGROUP_16 };

// The subgroup size that they require, the smallest: where it can be chosen (Intel's), registers are
// shared by fewer invocations.
uint32_t vkh_variant_row_subgroup(const struct vkh_device *device);

bool vkh_variant_supported(const struct vkh_device *device, const struct vkh_variant *variant);

// Whether the device's options name one for `op`.
bool vkh_variant_by_hand(const struct vkh_device *device, const char *op);
// Whether they name none but this one.
bool vkh_variant_allowed(const struct vkh_device *device, const char *op,
                         const struct vkh_variant *variant);

// The one the device's options name for `op`, else the one that was measured as the fastest
// (gpu/choices.h; `type` is the weights', NULL where they have no part in it), else the last
// supported one. A name in the options that is unknown or not supported is VKH_ERR_ARGUMENT.
enum vkh_status vkh_variant_choose(const struct vkh_device *device, const char *op,
                                   const char *type, const struct vkh_variant *variants,
                                   uint32_t n_variants, const struct vkh_variant **chosen);

#endif
