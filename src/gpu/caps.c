// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/internal.h"

const char *vkh_cap_name(unsigned bit)
{
    static const char *const names[] = {
        "storage16",     "float16",    "storage8",  "int8",        "subgroup",
        "subgroup-size", "shared-32k", "group-256", "subgroup-16", "cpu"};
    return bit < VKH_COUNTOF(names) ? names[bit] : NULL;
}

uint32_t vkh_compute_family(const struct vkh_instance *instance, VkPhysicalDevice physical,
                            uint32_t *timestamp_bits)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = VKH_COUNTOF(families);
    instance->vk.vkGetPhysicalDeviceQueueFamilyProperties(physical, &n, families);
    for (uint32_t i = 0; i < n; i++) {
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            *timestamp_bits = families[i].timestampValidBits;
            return i;
        }
    }
    return UINT32_MAX;
}

static bool has_extension(const VkExtensionProperties *list, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(list[i].extensionName, name) == 0)
            return true;
    }
    return false;
}

static enum vkh_status list_extensions(const struct vkh_instance *instance,
                                       VkPhysicalDevice physical, const struct vkh_log *log,
                                       VkExtensionProperties **list, uint32_t *n)
{
    *n = 0;
    VkResult result = instance->vk.vkEnumerateDeviceExtensionProperties(physical, NULL, n, NULL);
    *list = calloc(*n ? *n : 1, sizeof(**list));
    if (!*list)
        return vkh_fail(log, VKH_ERR_MEMORY, "listing device extensions: out of memory");
    if (result == VK_SUCCESS && *n)
        result = instance->vk.vkEnumerateDeviceExtensionProperties(physical, NULL, n, *list);
    if (result < 0) {
        free(*list);
        *list = NULL;
        return vkh_vk_status(log, result, "listing device extensions");
    }
    return VKH_OK;
}

// Chains the structures and asks the device.
static void query_features(const struct vkh_instance *instance, VkPhysicalDevice physical,
                           bool subgroup_size_control, struct vkh_features *f)
{
    f->core = (VkPhysicalDeviceFeatures2){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &f->v11};
    f->v11 = (VkPhysicalDeviceVulkan11Features){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &f->v12};
    f->v12 = (VkPhysicalDeviceVulkan12Features){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    f->subgroup_size = (VkPhysicalDeviceSubgroupSizeControlFeaturesEXT){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT};
    if (subgroup_size_control)
        f->v12.pNext = &f->subgroup_size;
    instance->vk.vkGetPhysicalDeviceFeatures2(physical, &f->core);
}

// Leaves on what the caps name and the stream needs, everything else off.
static void keep_features(struct vkh_features *f, uint32_t bits)
{
    f->core.features = (VkPhysicalDeviceFeatures){0};
    f->v11 = (VkPhysicalDeviceVulkan11Features){
        .sType = f->v11.sType,
        .pNext = f->v11.pNext,
        .storageBuffer16BitAccess = (bits & VKH_CAP_STORAGE16) != 0,
    };
    f->v12 = (VkPhysicalDeviceVulkan12Features){
        .sType = f->v12.sType,
        .pNext = f->v12.pNext,
        .shaderFloat16 = (bits & VKH_CAP_FLOAT16) != 0,
        .storageBuffer8BitAccess = (bits & VKH_CAP_STORAGE8) != 0,
        .shaderInt8 = (bits & VKH_CAP_INT8) != 0,
        .timelineSemaphore = VK_TRUE,
    };
    if (bits & VKH_CAP_SUBGROUP_SIZE)
        f->extensions[f->n_extensions++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    else
        f->v12.pNext = NULL;
}

static uint32_t feature_bits(const struct vkh_features *f,
                             const VkPhysicalDeviceVulkan11Properties *p)
{
    const VkSubgroupFeatureFlags wanted =
        VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT |
        VK_SUBGROUP_FEATURE_BALLOT_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    const bool subgroups = (p->subgroupSupportedOperations & wanted) == wanted &&
                           (p->subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT);
    const bool sizes =
        f->subgroup_size.subgroupSizeControl && f->subgroup_size.computeFullSubgroups;
    return (f->v11.storageBuffer16BitAccess ? VKH_CAP_STORAGE16 : 0u) |
           (f->v12.shaderFloat16 ? VKH_CAP_FLOAT16 : 0u) |
           (f->v12.storageBuffer8BitAccess ? VKH_CAP_STORAGE8 : 0u) |
           (f->v12.shaderInt8 ? VKH_CAP_INT8 : 0u) | (subgroups ? VKH_CAP_SUBGROUP : 0u) |
           (sizes ? VKH_CAP_SUBGROUP_SIZE : 0u);
}

static uint64_t largest_local_heap(const struct vkh_instance *instance, VkPhysicalDevice physical)
{
    VkPhysicalDeviceMemoryProperties memory;
    instance->vk.vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    uint64_t largest = 0;
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
        if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
            largest = vkh_max_size(largest, memory.memoryHeaps[i].size);
    }
    return largest;
}

static void copy_limits(const VkPhysicalDeviceProperties *p, struct vkh_caps *caps)
{
    caps->api_version = p->apiVersion;
    caps->vendor_id = p->vendorID;
    caps->device_id = p->deviceID;
    caps->is_cpu = p->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    caps->max_storage_range = p->limits.maxStorageBufferRange;
    caps->storage_alignment = p->limits.minStorageBufferOffsetAlignment;
    caps->max_shared = p->limits.maxComputeSharedMemorySize;
    caps->max_invocations = p->limits.maxComputeWorkGroupInvocations;
    for (int i = 0; i < 3; i++)
        caps->max_group_count[i] = p->limits.maxComputeWorkGroupCount[i];
    caps->bits |= (caps->max_shared >= 32768 ? VKH_CAP_SHARED_32K : 0u) |
                  (caps->max_invocations >= 256 ? VKH_CAP_GROUP_256 : 0u) |
                  (caps->is_cpu ? VKH_CAP_CPU : 0u);
}

enum vkh_status vkh_caps_query(const struct vkh_instance *instance, VkPhysicalDevice physical,
                               uint32_t caps_mask, const struct vkh_log *log, struct vkh_caps *caps,
                               struct vkh_features *features)
{
    *caps = (struct vkh_caps){0};
    *features = (struct vkh_features){0};
    VkExtensionProperties *extensions;
    uint32_t n_extensions;
    const enum vkh_status status =
        list_extensions(instance, physical, log, &extensions, &n_extensions);
    if (status != VKH_OK)
        return status;
    const bool size_control =
        has_extension(extensions, n_extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    free(extensions);

    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceVulkan12Properties v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES,
        .pNext = size_control ? &sizes : NULL};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    instance->vk.vkGetPhysicalDeviceProperties2(physical, &properties);
    query_features(instance, physical, size_control, features);

    copy_limits(&properties.properties, caps);
    memcpy(caps->device_name, properties.properties.deviceName, sizeof(caps->device_name));
    memcpy(caps->driver_name, v12.driverName, sizeof(caps->driver_name));
    memcpy(caps->driver_info, v12.driverInfo, sizeof(caps->driver_info));
    caps->max_allocation = v11.maxMemoryAllocationSize;
    caps->heap_bytes = largest_local_heap(instance, physical);
    caps->subgroup_size = v11.subgroupSize;
    caps->min_subgroup_size = size_control ? sizes.minSubgroupSize : v11.subgroupSize;
    caps->max_subgroup_size = size_control ? sizes.maxSubgroupSize : v11.subgroupSize;
    const bool rows = size_control && sizes.maxSubgroupSize >= 16 &&
                      (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT);
    caps->bits |= feature_bits(features, &v11) | (rows ? VKH_CAP_SUBGROUP_16 : 0u);
    caps->bits &= ~caps_mask;
    uint32_t timestamp_bits = 0;
    if (vkh_compute_family(instance, physical, &timestamp_bits) != UINT32_MAX &&
        timestamp_bits == 64)
        caps->timestamp_ns = (double)properties.properties.limits.timestampPeriod;
    keep_features(features, caps->bits);
    return VKH_OK;
}

// Vulkan 1.2 specification, "Required Limits".
void vkh_caps_to_minimum(struct vkh_caps *caps)
{
    caps->bits &= VKH_CAP_CPU;
    caps->max_storage_range = vkh_min_size(caps->max_storage_range, 1u << 27);
    caps->max_allocation = vkh_min_size(caps->max_allocation, 1u << 30);
    caps->storage_alignment = 256;
    caps->max_shared = 16384;
    caps->max_invocations = 128;
    for (int i = 0; i < 3; i++)
        caps->max_group_count[i] = 65535;
}
