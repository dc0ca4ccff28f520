// SPDX-License-Identifier: MIT
// Which variant of an operation was measured as the one to use on a device, and how long each took.
// Kept in a JSON file of the device's cache folder, one for each driver and set of capabilities.
#ifndef VKH_GPU_CHOICES_H
#define VKH_GPU_CHOICES_H

#include <stdbool.h>
#include <stdint.h>

struct vkh_device;

enum { VKH_CHOICE_NAME = 16, VKH_CHOICE_VARIANTS = 4 };

struct vkh_choice {
    char operation[VKH_CHOICE_NAME];
    char type[VKH_CHOICE_NAME]; // of weights; "" for operations without
    uint32_t n, chosen;
    struct {
        char name[VKH_CHOICE_NAME];
        double seconds; // of the same work
    } variants[VKH_CHOICE_VARIANTS];
};

// Where they are kept; NULL without a folder.
const char *vkh_choices_path(const struct vkh_device *device);

// Reads the device's file. One of another version of this library or of the
// driver, or damaged, counts for nothing.
void vkh_choices_load(struct vkh_device *device);

// False where nothing was measured. `type` NULL: an operation without. Any thread may ask.
bool vkh_choice_get(const struct vkh_device *device, const char *operation, const char *type,
                    struct vkh_choice *choice);
// The i-th; false past the last.
bool vkh_choice_at(const struct vkh_device *device, uint32_t i, struct vkh_choice *choice);

// Takes the place of what was measured before, on the device and in the file.
void vkh_choice_put(struct vkh_device *device, const struct vkh_choice *choice);

#endif
