// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/internal.h"
#include "gpu/matrix_order.h"

const char *vkh_cap_name(unsigned bit)
{
    static const char *const names[] = {
        "storage16",  "float16",   "storage8",    "int8", "subgroup", "subgroup-size",
        "shared-32k", "group-256", "subgroup-16", "cpu",  "matrix16", "matrix-bf16"};
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

// Optional extensions of a device.
struct extensions {
    bool size_control, matrix, bf16, statistics;
};

static enum vkh_status find_extensions(const struct vkh_instance *instance,
                                       VkPhysicalDevice physical, const struct vkh_log *log,
                                       struct extensions *found)
{
    VkExtensionProperties *list;
    uint32_t n;
    const enum vkh_status status = list_extensions(instance, physical, log, &list, &n);
    if (status != VKH_OK)
        return status;
    *found = (struct extensions){
        .size_control = has_extension(list, n, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME),
        .matrix = has_extension(list, n, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME),
        .bf16 = has_extension(list, n, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME),
        .statistics = has_extension(list, n, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME),
    };
    free(list);
    return VKH_OK;
}

// Chains the structures of what is there.
static void chain_features(struct vkh_features *f, const struct extensions *extensions)
{
    f->core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    f->core.pNext = &f->v11;
    f->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    f->v11.pNext = &f->v12;
    f->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    f->subgroup_size.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
    f->matrix.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
    f->bf16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR;
    f->statistics.sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR;
    void **end = &f->v12.pNext;
    if (extensions->size_control) {
        *end = &f->subgroup_size;
        end = &f->subgroup_size.pNext;
    }
    if (extensions->matrix) {
        *end = &f->matrix;
        end = &f->matrix.pNext;
    }
    if (extensions->bf16) {
        *end = &f->bf16;
        end = &f->bf16.pNext;
    }
    if (extensions->statistics)
        *end = &f->statistics;
}

// Leaves on what the caps name and the stream needs, everything else off.
static void keep_features(struct vkh_features *f, uint32_t bits, bool statistics)
{
    const bool matrix = (bits & VKH_CAP_MATRIX16) != 0;
    *f = (struct vkh_features){
        .core.features.shaderInt64 = matrix,
        .v11.storageBuffer16BitAccess = (bits & VKH_CAP_STORAGE16) != 0,
        .v12 = {.shaderFloat16 = (bits & VKH_CAP_FLOAT16) != 0,
                .storageBuffer8BitAccess = (bits & VKH_CAP_STORAGE8) != 0,
                .shaderInt8 = (bits & VKH_CAP_INT8) != 0,
                .bufferDeviceAddress = matrix,
                .vulkanMemoryModel = matrix,
                .timelineSemaphore = VK_TRUE},
        .subgroup_size = {.subgroupSizeControl = VK_TRUE, .computeFullSubgroups = VK_TRUE},
        .matrix.cooperativeMatrix = VK_TRUE,
        .bf16 = {.shaderBFloat16Type = VK_TRUE, .shaderBFloat16CooperativeMatrix = VK_TRUE},
        .statistics.pipelineExecutableInfo = statistics,
    };
    const struct extensions kept = {
        .size_control = (bits & VKH_CAP_SUBGROUP_SIZE) != 0,
        .matrix = matrix,
        .bf16 = (bits & VKH_CAP_MATRIX_BF16) != 0,
        .statistics = statistics,
    };
    if (kept.size_control)
        f->extensions[f->n_extensions++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    if (kept.matrix)
        f->extensions[f->n_extensions++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    if (kept.bf16)
        f->extensions[f->n_extensions++] = VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME;
    if (kept.statistics)
        f->extensions[f->n_extensions++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    chain_features(f, &kept);
}

enum { MAX_SHAPES = 128, MAX_SIDE = 16 };

// The shapes of cooperative matrices that the device has, of whatever types; the number of them.
static uint32_t list_shapes(const struct vkh_instance *instance, VkPhysicalDevice physical,
                            VkCooperativeMatrixPropertiesKHR shapes[MAX_SHAPES])
{
    for (int i = 0; i < MAX_SHAPES; i++)
        shapes[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    uint32_t n = MAX_SHAPES;
    const PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)instance->vk.vkGetInstanceProcAddr(
            instance->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    return get && get(physical, &n, shapes) >= 0 ? n : 0;
}

// Products of one subgroup, summed in fp32.
static bool multiplies(const VkCooperativeMatrixPropertiesKHR *s, VkComponentTypeKHR type)
{
    return s->AType == type && s->BType == type && s->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
           s->ResultType == s->CType && s->scope == VK_SCOPE_SUBGROUP_KHR;
}

// The largest product of fp16 that kernels have tiles for, else the largest of any shape; zeros
// when there is none. `bf16`: whether bf16 has the same.
static struct vkh_matrix_shape largest_matrix(const struct vkh_instance *instance,
                                              VkPhysicalDevice physical, bool *bf16)
{
    VkCooperativeMatrixPropertiesKHR shapes[MAX_SHAPES];
    const uint32_t n = list_shapes(instance, physical, shapes);
    struct vkh_matrix_shape best = {0};
    uint32_t most = 0;
    *bf16 = false;
    for (uint32_t i = 0; i < n; i++) {
        const VkCooperativeMatrixPropertiesKHR *s = &shapes[i];
        if (!multiplies(s, VK_COMPONENT_TYPE_FLOAT16_KHR) || s->MSize > MAX_SIDE ||
            s->NSize > MAX_SIDE || s->KSize > MAX_SIDE)
            continue;
        const struct vkh_matrix_shape shape = {s->MSize, s->NSize, s->KSize};
        const uint32_t worth =
            shape.m * shape.n * shape.k + (vkh_matrix_has_tile(&shape) ? 1u << 16 : 0);
        if (worth <= most)
            continue;
        most = worth;
        best = shape;
    }
    for (uint32_t i = 0; i < n; i++)
        *bf16 |= multiplies(&shapes[i], VK_COMPONENT_TYPE_BFLOAT16_KHR) &&
                 shapes[i].MSize == best.m && shapes[i].NSize == best.n &&
                 shapes[i].KSize == best.k;
    return best;
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

// What kernels on cooperative matrices use beside them, as bits and as features.
enum { MATRIX16_NEEDS = VKH_CAP_STORAGE16 | VKH_CAP_FLOAT16 | VKH_CAP_SUBGROUP };

static bool has_matrix_features(const struct vkh_features *f)
{
    return f->matrix.cooperativeMatrix && f->v12.vulkanMemoryModel && f->v12.bufferDeviceAddress &&
           f->core.features.shaderInt64;
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
                               uint32_t caps_mask, bool statistics, const struct vkh_log *log,
                               struct vkh_caps *caps, struct vkh_features *features)
{
    *caps = (struct vkh_caps){0};
    *features = (struct vkh_features){0};
    struct extensions extensions;
    const enum vkh_status status = find_extensions(instance, physical, log, &extensions);
    if (status != VKH_OK)
        return status;

    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceVulkan12Properties v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES,
        .pNext = extensions.size_control ? &sizes : NULL};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    instance->vk.vkGetPhysicalDeviceProperties2(physical, &properties);
    chain_features(features, &extensions);
    instance->vk.vkGetPhysicalDeviceFeatures2(physical, &features->core);

    copy_limits(&properties.properties, caps);
    memcpy(caps->device_name, properties.properties.deviceName, sizeof(caps->device_name));
    memcpy(caps->driver_name, v12.driverName, sizeof(caps->driver_name));
    memcpy(caps->driver_info, v12.driverInfo, sizeof(caps->driver_info));
    caps->max_allocation = v11.maxMemoryAllocationSize;
    caps->heap_bytes = largest_local_heap(instance, physical);
    caps->subgroup_size = v11.subgroupSize;
    caps->min_subgroup_size = extensions.size_control ? sizes.minSubgroupSize : v11.subgroupSize;
    caps->max_subgroup_size = extensions.size_control ? sizes.maxSubgroupSize : v11.subgroupSize;
    caps->max_subgroups = extensions.size_control ? sizes.maxComputeWorkgroupSubgroups : UINT32_MAX;
    const bool rows = extensions.size_control && sizes.maxSubgroupSize >= 16 &&
                      (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT);
    bool bf16 = false;
    if (has_matrix_features(features))
        caps->matrix = largest_matrix(instance, physical, &bf16);
    bf16 =
        bf16 && features->bf16.shaderBFloat16Type && features->bf16.shaderBFloat16CooperativeMatrix;
    caps->bits |= feature_bits(features, &v11) | (rows ? VKH_CAP_SUBGROUP_16 : 0u);
    caps->bits &= ~caps_mask;
    if (caps->matrix.m && (caps->bits & MATRIX16_NEEDS) == MATRIX16_NEEDS)
        caps->bits |= VKH_CAP_MATRIX16 & ~caps_mask;
    if (bf16 && (caps->bits & VKH_CAP_MATRIX16))
        caps->bits |= VKH_CAP_MATRIX_BF16 & ~caps_mask;
    uint32_t timestamp_bits = 0;
    if (vkh_compute_family(instance, physical, &timestamp_bits) != UINT32_MAX && timestamp_bits > 0)
        caps->timestamp_ns = (double)properties.properties.limits.timestampPeriod;
    keep_features(features, caps->bits, statistics && features->statistics.pipelineExecutableInfo);
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
