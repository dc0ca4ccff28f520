// SPDX-License-Identifier: MIT
// What the files of this room share.
#ifndef VKH_GPU_INTERNAL_H
#define VKH_GPU_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <vkhrope/vulkan.h>

#include "gpu/bfloat16.h"
#include "gpu/buffer.h"
#include "gpu/device.h"
#include "gpu/functions.h"
#include "gpu/matrix.h"
#include "gpu/pipeline.h"

// An instance of our own or the caller's, with the loader that it came from.
struct vkh_instance {
    VkInstance handle;
    struct vkh_instance_table vk;
    VkDebugUtilsMessengerEXT messenger;
    void *library; // the loader when it is ours
    bool borrowed; // the caller destroys it
};

struct vkh_device {
    struct vkh_instance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    bool borrowed; // the caller destroys it
    const VkAllocationCallbacks *allocator;
    struct vkh_device_table vk;
    uint32_t queue_family;
    uint32_t timestamp_bits; // valid ones of the family's timestamps; 0: it has none
    VkQueue queue;
    struct vkh_queue_lock queue_lock; // around what touches the queue
    pthread_mutex_t queue_mutex;      // of queue_lock, unless that is the caller's
    pthread_mutex_t lock;             // of the pipelines and the memory's use
    VkPhysicalDeviceMemoryProperties memory;
    struct vkh_caps caps;
    struct vkh_log log;
    char *variants;
    atomic_uint validation_messages;
    bool statistics;    // asked for, and the driver has them
    char *cache_folder; // NULL: nothing is kept
    VkPipelineCache pipeline_cache;
    uint64_t cache_bytes; // that it was made of
    char *choices_path;   // NULL: nothing is kept
    struct vkh_choice *choices;
    uint32_t n_choices;
    struct vkh_pipeline *pipelines; // a list
    struct vkh_matrix_layout matrix;
    bool matrix_known; // measured
    struct vkh_memory_use memory_use;
    struct vkh_block *blocks; // a list
};

struct vkh_buffer {
    struct vkh_device *device;
    VkBuffer handle;
    uint64_t size;
    struct vkh_piece *piece; // of VKH_MEMORY_DEVICE
    VkDeviceMemory memory;   // of the other kinds
    void *mapped;
    enum vkh_memory kind;
    VkDeviceAddress address; // of VKH_MEMORY_DEVICE where kernels read by address, else 0
};

// Kernels on cooperative matrices read some of their operands by address.
static inline bool vkh_has_addresses(const struct vkh_device *device)
{
    return (device->caps.bits & VKH_CAP_MATRIX16) != 0;
}

struct vkh_pipeline {
    struct vkh_pipeline *next;
    struct vkh_pipeline_desc desc;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline handle;
    atomic_bool has_run; // was recorded once; the one thing that its users change
};

// The status of a Vulkan call, logged with what was attempted when it is a failure.
enum vkh_status vkh_vk_status(const struct vkh_log *log, VkResult result, const char *what);

// An instance with what this library wants, and a messenger with validation. VKH_ERR_DEVICE without
// a loader or driver. On failure there is nothing to destroy.
enum vkh_status vkh_instance_create(const struct vkh_log *log, bool validation,
                                    PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user,
                                    struct vkh_instance *instance);
// The caller's instance. `get` NULL: through the system's loader.
enum vkh_status vkh_instance_borrow(VkInstance handle, PFN_vkGetInstanceProcAddr get,
                                    const struct vkh_log *log, struct vkh_instance *instance);
void vkh_instance_destroy(struct vkh_instance *instance);
// The physical devices of the instance; the caller frees *devices.
enum vkh_status vkh_instance_devices(const struct vkh_instance *instance, const struct vkh_log *log,
                                     VkPhysicalDevice **devices, uint32_t *n_devices);

// The feature structures of one device, chained; those whose bits the caps lack are cleared, so
// the chain can be passed on to vkCreateDevice.
struct vkh_features {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics;
    const char *extensions[5];
    uint32_t n_extensions;
};
enum vkh_status vkh_caps_query(const struct vkh_instance *instance, VkPhysicalDevice physical,
                               uint32_t caps_mask, bool statistics, const struct vkh_log *log,
                               struct vkh_caps *caps, struct vkh_features *features);
// Lowers caps to what Vulkan 1.2 requires of every implementation.
void vkh_caps_to_minimum(struct vkh_caps *caps);
// A queue family that computes, and the valid bits of its timestamps; UINT32_MAX when there is
// none.
uint32_t vkh_compute_family(const struct vkh_instance *instance, VkPhysicalDevice physical,
                            uint32_t *timestamp_bits);

// What device.c and import.c share: an empty device with its locks and log; then, its physical
// device being known, its caps (less `mask`) and variants; then, its handle being there, the
// functions, the memory types and the pipeline cache. vkh_device_destroy takes it at any point.
enum vkh_status vkh_device_begin(const struct vkh_device_options *options,
                                 struct vkh_device **device);
enum vkh_status vkh_device_settle(struct vkh_device *device,
                                  const struct vkh_device_options *options, uint32_t mask,
                                  struct vkh_features *features);
enum vkh_status vkh_device_load(struct vkh_device *device);

#endif
