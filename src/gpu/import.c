// SPDX-License-Identifier: MIT
// Devices that belong to the caller.
#include <vkhrope/vulkan.h>

#include <stdlib.h>

#include "base/log.h"
#include "gpu/internal.h"

// The requirements with what they point to.
struct owned_requirements {
    struct vkh_requirements requirements; // first: what the caller holds
    struct vkh_features features;
};

enum vkh_status vkh_device_requirements(PFN_vkGetInstanceProcAddr get, VkInstance handle,
                                        VkPhysicalDevice physical, const struct vkh_log *log,
                                        struct vkh_requirements **requirements)
{
    *requirements = NULL;
    struct owned_requirements *owned = calloc(1, sizeof(*owned));
    if (!owned)
        return vkh_fail(log, VKH_ERR_MEMORY, "device requirements: out of host memory");
    struct vkh_instance instance;
    struct vkh_caps caps;
    uint32_t timestamp_bits;
    enum vkh_status status = vkh_instance_borrow(handle, get, log, &instance);
    if (status == VKH_OK)
        status = vkh_caps_query(&instance, physical, 0, false, log, &caps, &owned->features);
    if (status == VKH_OK) {
        owned->requirements = (struct vkh_requirements){
            .features = &owned->features.core,
            .extensions = owned->features.extensions,
            .n_extensions = owned->features.n_extensions,
            .queue_family = vkh_compute_family(&instance, physical, &timestamp_bits),
        };
        if (caps.api_version < VK_API_VERSION_1_2 || owned->requirements.queue_family == UINT32_MAX)
            status = vkh_fail(log, VKH_ERR_DEVICE, "%s cannot compute with Vulkan 1.2",
                              caps.device_name);
        vkh_instance_destroy(&instance);
    }
    if (status == VKH_OK)
        *requirements = &owned->requirements;
    else
        free(owned);
    return status;
}

void vkh_requirements_destroy(struct vkh_requirements **requirements)
{
    if (!requirements)
        return;
    free(*requirements);
    *requirements = NULL;
}

// What a chain of features has switched on, as the bits that need it.
struct enabled {
    bool timeline, memory_model, addresses, int64;
    uint32_t bits;
};

static void note(struct enabled *enabled, VkBool32 on, uint32_t bit)
{
    if (on)
        enabled->bits |= bit;
}

static void note_sizes(struct enabled *enabled, VkBool32 control, VkBool32 full)
{
    if (control && full)
        enabled->bits |= VKH_CAP_SUBGROUP_SIZE | VKH_CAP_SUBGROUP_16;
}

// Features of an extension and of the core version that took it in are the same switch.
static void note_structure(struct enabled *enabled, const void *structure)
{
    // As a number: older headers' type does not name all of them.
    switch ((uint32_t)((const VkBaseInStructure *)structure)->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2: {
        const VkPhysicalDeviceFeatures2 *f = structure;
        enabled->int64 |= f->features.shaderInt64;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES: {
        const VkPhysicalDeviceVulkan11Features *f = structure;
        note(enabled, f->storageBuffer16BitAccess, VKH_CAP_STORAGE16);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES: {
        const VkPhysicalDevice16BitStorageFeatures *f = structure;
        note(enabled, f->storageBuffer16BitAccess, VKH_CAP_STORAGE16);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES: {
        const VkPhysicalDeviceVulkan12Features *f = structure;
        note(enabled, f->shaderFloat16, VKH_CAP_FLOAT16);
        note(enabled, f->storageBuffer8BitAccess, VKH_CAP_STORAGE8);
        note(enabled, f->shaderInt8, VKH_CAP_INT8);
        enabled->timeline |= f->timelineSemaphore;
        enabled->memory_model |= f->vulkanMemoryModel;
        enabled->addresses |= f->bufferDeviceAddress;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES: {
        const VkPhysicalDeviceShaderFloat16Int8Features *f = structure;
        note(enabled, f->shaderFloat16, VKH_CAP_FLOAT16);
        note(enabled, f->shaderInt8, VKH_CAP_INT8);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES: {
        const VkPhysicalDevice8BitStorageFeatures *f = structure;
        note(enabled, f->storageBuffer8BitAccess, VKH_CAP_STORAGE8);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES:
        enabled->timeline |=
            ((const VkPhysicalDeviceTimelineSemaphoreFeatures *)structure)->timelineSemaphore;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES:
        enabled->memory_model |=
            ((const VkPhysicalDeviceVulkanMemoryModelFeatures *)structure)->vulkanMemoryModel;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES: {
        const VkPhysicalDeviceBufferDeviceAddressFeatures *f = structure;
        enabled->addresses |= f->bufferDeviceAddress;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR: {
        const VkPhysicalDeviceCooperativeMatrixFeaturesKHR *f = structure;
        note(enabled, f->cooperativeMatrix, VKH_CAP_MATRIX16);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR: {
        const VkPhysicalDeviceShaderBfloat16FeaturesKHR *f = structure;
        note(enabled, f->shaderBFloat16Type && f->shaderBFloat16CooperativeMatrix,
             VKH_CAP_MATRIX_BF16);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES: {
        const VkPhysicalDeviceVulkan13Features *f = structure;
        note_sizes(enabled, f->subgroupSizeControl, f->computeFullSubgroups);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT: {
        const VkPhysicalDeviceSubgroupSizeControlFeaturesEXT *f = structure;
        note_sizes(enabled, f->subgroupSizeControl, f->computeFullSubgroups);
        break;
    }
    default:
        break;
    }
}

// No feature switches these on.
static const uint32_t ALWAYS =
    VKH_CAP_SUBGROUP | VKH_CAP_SHARED_32K | VKH_CAP_GROUP_256 | VKH_CAP_CPU;

static struct enabled read_features(const VkPhysicalDeviceFeatures2 *features)
{
    struct enabled enabled = {.bits = ALWAYS};
    for (const VkBaseInStructure *s = (const VkBaseInStructure *)features; s; s = s->pNext)
        note_structure(&enabled, s);
    if (!enabled.memory_model || !enabled.addresses || !enabled.int64)
        enabled.bits &= ~(uint32_t)VKH_CAP_MATRIX16;
    if (!(enabled.bits & VKH_CAP_MATRIX16))
        enabled.bits &= ~(uint32_t)VKH_CAP_MATRIX_BF16;
    return enabled;
}

static enum vkh_status check(const struct vkh_vulkan_device *vulkan,
                             const struct vkh_device_options *options,
                             const struct enabled *enabled)
{
    const struct {
        bool wrong;
        const char *what;
    } faults[] = {
        {!vulkan->instance, "instance is missing"},
        {!vulkan->physical, "physical is missing"},
        {!vulkan->device, "device is missing"},
        {!vulkan->queue, "queue is missing"},
        {!vulkan->queue_lock.lock != !vulkan->queue_lock.unlock,
         "queue_lock has one function, not both"},
        {options->select || options->validation || options->statistics,
         "select, validation and statistics are for devices that the library makes"},
        {!enabled->timeline,
         "features: timelineSemaphore is not in the chain; the device must be made with it"},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (faults[i].wrong)
            return vkh_fail(options->log, VKH_ERR_ARGUMENT, "importing a Vulkan device: %s",
                            faults[i].what);
    return VKH_OK;
}

// The family must compute, and its clock is the one that matters.
static enum vkh_status check_family(struct vkh_device *device)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = sizeof(families) / sizeof(families[0]);
    device->instance.vk.vkGetPhysicalDeviceQueueFamilyProperties(device->physical, &n, families);
    if (device->queue_family >= n ||
        !(families[device->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        return vkh_fail(&device->log, VKH_ERR_ARGUMENT,
                        "importing a Vulkan device: queue_family %u of %s does not compute",
                        device->queue_family, device->caps.device_name);
    device->timestamp_bits = families[device->queue_family].timestampValidBits;
    if (device->timestamp_bits == 0)
        device->caps.timestamp_ns = 0.0;
    return VKH_OK;
}

static enum vkh_status take(const struct vkh_vulkan_device *vulkan,
                            const struct vkh_device_options *options, uint32_t bits,
                            struct vkh_device *device)
{
    struct vkh_features features;
    device->physical = vulkan->physical;
    device->handle = vulkan->device;
    device->borrowed = true;
    device->allocator = vulkan->allocator;
    device->queue_family = vulkan->queue_family;
    device->queue = vulkan->queue;
    if (vulkan->queue_lock.lock)
        device->queue_lock = vulkan->queue_lock;
    enum vkh_status status =
        vkh_instance_borrow(vulkan->instance, vulkan->get, &device->log, &device->instance);
    if (status == VKH_OK)
        status = vkh_device_settle(device, options, ~bits, &features);
    if (status == VKH_OK)
        status = check_family(device);
    return status == VKH_OK ? vkh_device_load(device) : status;
}

enum vkh_status vkh_device_import(const struct vkh_vulkan_device *vulkan,
                                  const struct vkh_device_options *options, struct vkh_device **out)
{
    *out = NULL;
    const struct enabled enabled = read_features(vulkan->features);
    struct vkh_device *device = NULL;
    enum vkh_status status = check(vulkan, options, &enabled);
    if (status == VKH_OK)
        status = vkh_device_begin(options, &device);
    if (status == VKH_OK)
        status = take(vulkan, options, enabled.bits, device);
    if (status != VKH_OK)
        vkh_device_destroy(&device);
    *out = device;
    return status;
}
