// SPDX-License-Identifier: MIT
#include "kernels/variant.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/choices.h"
#include "gpu/device.h"

bool vkh_variant_supported(const struct vkh_device *device, const struct vkh_variant *variant)
{
    return (variant->needs & ~vkh_device_caps(device)->bits) == 0;
}

uint32_t vkh_variant_row_subgroup(const struct vkh_device *device)
{
    return (uint32_t)vkh_max_size(16, vkh_device_caps(device)->min_subgroup_size);
}

// The value of `op` in "op=name,op=name", with its length; NULL when the list does not name it.
static const char *name_by_hand(const char *list, const char *op, size_t *length)
{
    const size_t op_length = strlen(op);
    while (list && *list) {
        const size_t entry = strcspn(list, ",");
        if (entry > op_length && list[op_length] == '=' && memcmp(list, op, op_length) == 0) {
            *length = entry - op_length - 1;
            return list + op_length + 1;
        }
        list += entry + (list[entry] == ',');
    }
    return NULL;
}

bool vkh_variant_by_hand(const struct vkh_device *device, const char *op)
{
    size_t length;
    return name_by_hand(vkh_device_variants(device), op, &length) != NULL;
}

static bool has_name(const struct vkh_variant *variant, const char *name, size_t length)
{
    return strlen(variant->name) == length && memcmp(variant->name, name, length) == 0;
}

bool vkh_variant_allowed(const struct vkh_device *device, const char *op,
                         const struct vkh_variant *variant)
{
    size_t length;
    const char *name = name_by_hand(vkh_device_variants(device), op, &length);
    return !name || has_name(variant, name, length);
}

// NULL where nothing was measured, or what was chosen then is not there now.
static const struct vkh_variant *measured(const struct vkh_device *device, const char *op,
                                          const char *type, const struct vkh_variant *variants,
                                          uint32_t n_variants)
{
    struct vkh_choice choice;
    if (!vkh_choice_get(device, op, type, &choice))
        return NULL;
    for (uint32_t i = 0; i < n_variants; i++)
        if (strcmp(variants[i].name, choice.variants[choice.chosen].name) == 0 &&
            vkh_variant_supported(device, &variants[i]))
            return &variants[i];
    return NULL;
}

enum vkh_status vkh_variant_choose(const struct vkh_device *device, const char *op,
                                   const char *type, const struct vkh_variant *variants,
                                   uint32_t n_variants, const struct vkh_variant **chosen)
{
    size_t length = 0;
    const char *name = name_by_hand(vkh_device_variants(device), op, &length);
    *chosen = name ? NULL : measured(device, op, type, variants, n_variants);
    if (*chosen)
        return VKH_OK;
    for (uint32_t i = 0; i < n_variants; i++) {
        if (name && !has_name(&variants[i], name, length))
            continue;
        if (vkh_variant_supported(device, &variants[i]))
            *chosen = &variants[i];
        else if (name)
            return vkh_fail(vkh_device_log(device), VKH_ERR_ARGUMENT,
                            "variant %s=%.*s: the device does not support it", op, (int)length,
                            name);
    }
    if (!*chosen)
        return vkh_fail(vkh_device_log(device), VKH_ERR_ARGUMENT,
                        "variant %s=%.*s: no such variant", op, (int)length, name ? name : "");
    return VKH_OK;
}
