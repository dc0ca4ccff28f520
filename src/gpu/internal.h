// SPDX-License-Identifier: MIT
// What the files of this room share.
#ifndef VKH_GPU_INTERNAL_H
#define VKH_GPU_INTERNAL_H

#include <stdatomic.h>
#include <volk.h>

#include "gpu/buffer.h"
#include "gpu/device.h"
#include "gpu/pipeline.h"

struct vkh_device {
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical;
    VkDevice handle;
    struct VolkDeviceTable vk;
    uint32_t queue_family;
    VkQueue queue;
    VkPhysicalDeviceMemoryProperties memory;
    struct vkh_caps caps;
    struct vkh_log log;
    char *variants;
    atomic_uint validation_messages;
    bool statistics; // asked for, and the driver has them
    VkPipelineCache pipeline_cache;
    struct vkh_pipeline *pipelines; // a list
    struct vkh_memory_use memory_use;
};

struct vkh_buffer {
    struct vkh_device *device;
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t size;
    void *mapped;
    enum vkh_memory kind;
};

struct vkh_pipeline {
    struct vkh_pipeline *next;
    struct vkh_pipeline_desc desc;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline handle;
};

// The status of a Vulkan call, logged with what was attempted when it is a failure.
enum vkh_status vkh_vk_status(const struct vkh_log *log, VkResult result, const char *what);

// An instance with what this library wants; `messenger` only with validation. VKH_ERR_DEVICE
// without a loader or driver.
enum vkh_status vkh_instance_create(const struct vkh_log *log, bool validation,
                                    PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user,
                                    VkInstance *instance, VkDebugUtilsMessengerEXT *messenger);
void vkh_instance_destroy(VkInstance instance, VkDebugUtilsMessengerEXT messenger);
// The physical devices of the instance; the caller frees *devices.
enum vkh_status vkh_instance_devices(VkInstance instance, const struct vkh_log *log,
                                     VkPhysicalDevice **devices, uint32_t *n_devices);

// The feature structures of one device, chained; those whose bits the caps lack are cleared, so
// the chain can be passed on to vkCreateDevice.
struct vkh_features {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics;
    const char *extensions[4];
    uint32_t n_extensions;
};
// `statistics` is cleared where the driver has none.
enum vkh_status vkh_caps_query(VkPhysicalDevice physical, uint32_t caps_mask, bool *statistics,
                               const struct vkh_log *log, struct vkh_caps *caps,
                               struct vkh_features *features);
// Lowers caps to what Vulkan 1.2 requires of every implementation.
void vkh_caps_to_minimum(struct vkh_caps *caps);
// A queue family that computes; UINT32_MAX when there is none.
uint32_t vkh_compute_family(VkPhysicalDevice physical, uint32_t *timestamp_bits);

#endif
