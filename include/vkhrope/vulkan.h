// SPDX-License-Identifier: MIT
// For applications that have a Vulkan device of their own: the library works on it, and records
// into their command buffers. Needs the Vulkan headers.
#ifndef VKHROPE_VULKAN_H
#define VKHROPE_VULKAN_H

#include <vulkan/vulkan_core.h>

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

// What vkh_device_import would like to find in a device that is yet to be made. Everything in it is
// something the physical device has. Only VkPhysicalDeviceVulkan12Features::timelineSemaphore must
// be enabled; each of the others lets faster kernels run.
struct vkh_requirements {
    // Chained: VkPhysicalDeviceFeatures2, …Vulkan11Features, …Vulkan12Features, and those of the
    // extensions. It can be VkDeviceCreateInfo::pNext as it is, or tell what to set in one's own.
    const VkPhysicalDeviceFeatures2 *features;
    const char *const *extensions;
    uint32_t n_extensions;
    uint32_t queue_family; // the first that computes; any other that does will do
};

// Asks a physical device of Vulkan 1.2 or later; makes nothing on it. `get` is where the instance
// comes from; NULL: the system's loader. *requirements is the caller's, to be given to
// vkh_requirements_destroy.
//   VKH_ERR_DEVICE  the physical device cannot compute with Vulkan 1.2
VKH_API enum vkh_status vkh_device_requirements(PFN_vkGetInstanceProcAddr get, VkInstance instance,
                                                VkPhysicalDevice physical,
                                                const struct vkh_log *log,
                                                struct vkh_requirements **requirements);
VKH_API void vkh_requirements_destroy(struct vkh_requirements **requirements);

// Called around every vkQueueSubmit, when other threads of the application submit to that queue.
struct vkh_queue_lock {
    void (*lock)(void *user);
    void (*unlock)(void *user);
    void *user;
};

// A device of the application. Handles and pointers must outlive what vkh_device_import makes,
// except `features`, which is read once.
struct vkh_vulkan_device {
    PFN_vkGetInstanceProcAddr get; // NULL: the system's loader
    VkInstance instance;           // apiVersion at least Vulkan 1.2
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t queue_family; // one that computes
    VkQueue queue;         // of that family
    // The chain that vkCreateDevice was given, or one like it: the library uses what is VK_TRUE in
    // it. Structures it does not know are skipped.
    const VkPhysicalDeviceFeatures2 *features;
    struct vkh_queue_lock queue_lock;       // without functions: nobody else submits meanwhile
    const VkAllocationCallbacks *allocator; // for every object made on the device; may be NULL
};

// Works on the caller's device; vkh_device_destroy leaves it, its queue and its instance as they
// are. The library submits to the queue when a function that computes is called, and waits for its
// own submissions, on timeline semaphores of its own: never for the queue or the device.
// `options` as for vkh_device_create, without `select`, `validation`
// and `statistics`.
//   VKH_ERR_ARGUMENT  a handle is missing, the family does not compute, or timelineSemaphore is off
//   VKH_ERR_DEVICE    the instance or the device is not one of Vulkan 1.2
VKH_API enum vkh_status vkh_device_import(const struct vkh_vulkan_device *vulkan,
                                          const struct vkh_device_options *options,
                                          struct vkh_device **device);

#ifdef __cplusplus
}
#endif
#endif
