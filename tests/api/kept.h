// SPDX-License-Identifier: MIT
// Pipelines that outlive the library's devices, for tests that open many on one VkDevice: compiling
// is most of what a small run takes. One is made for all layouts that are defined alike.
#ifndef VKH_TESTS_API_KEPT_H
#define VKH_TESTS_API_KEPT_H

#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

enum { KEPT_CONSTANTS = 16, KEPT_PIPELINES = 64 };

static struct {
    const uint32_t *code;
    uint32_t constants[KEPT_CONSTANTS], n_constants, subgroup_size;
    VkPipeline pipeline;
} kept[KEPT_PIPELINES];
static size_t n_kept;
static const uint32_t *kept_code; // of the latest module: the library makes a pipeline of it next
static long kept_in_use;          // pipelines that the library has not destroyed

static VKAPI_ATTR VkResult VKAPI_CALL kept_module(VkDevice device,
                                                  const VkShaderModuleCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkShaderModule *module)
{
    kept_code = info->pCode;
    return vkCreateShaderModule(device, info, allocator, module);
}

static inline size_t kept_find(const VkSpecializationInfo *constants, uint32_t subgroup_size)
{
    for (size_t i = 0; i < n_kept; i++)
        if (kept[i].code == kept_code && kept[i].subgroup_size == subgroup_size &&
            kept[i].n_constants == constants->dataSize / 4 &&
            memcmp(kept[i].constants, constants->pData, constants->dataSize) == 0)
            return i;
    return n_kept;
}

static VKAPI_ATTR VkResult VKAPI_CALL kept_pipelines(VkDevice device, VkPipelineCache cache,
                                                     uint32_t n,
                                                     const VkComputePipelineCreateInfo *info,
                                                     const VkAllocationCallbacks *allocator,
                                                     VkPipeline *pipeline)
{
    (void)allocator;
    const VkSpecializationInfo *constants = info->stage.pSpecializationInfo;
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT *subgroup = info->stage.pNext;
    const uint32_t subgroup_size = subgroup ? subgroup->requiredSubgroupSize : 0;
    const size_t at = kept_find(constants, subgroup_size);
    if (at == n_kept) {
        if (n != 1 || n_kept == KEPT_PIPELINES || constants->dataSize > 4 * KEPT_CONSTANTS)
            abort();
        const VkResult result =
            vkCreateComputePipelines(device, cache, 1, info, NULL, &kept[at].pipeline);
        if (result != VK_SUCCESS)
            return result;
        kept[at].code = kept_code;
        kept[at].subgroup_size = subgroup_size;
        kept[at].n_constants = (uint32_t)constants->dataSize / 4;
        memcpy(kept[at].constants, constants->pData, constants->dataSize);
        n_kept++;
    }
    *pipeline = kept[at].pipeline;
    kept_in_use++;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL kept_destroy_pipeline(VkDevice device, VkPipeline pipeline,
                                                        const VkAllocationCallbacks *allocator)
{
    (void)device;
    (void)allocator;
    kept_in_use -= pipeline != VK_NULL_HANDLE;
}

// The device's function, or the one here that takes its place.
static inline PFN_vkVoidFunction kept_function(VkDevice device, const char *name)
{
    if (strcmp(name, "vkCreateShaderModule") == 0)
        return (PFN_vkVoidFunction)kept_module;
    if (strcmp(name, "vkCreateComputePipelines") == 0)
        return (PFN_vkVoidFunction)kept_pipelines;
    if (strcmp(name, "vkDestroyPipeline") == 0)
        return (PFN_vkVoidFunction)kept_destroy_pipeline;
    return vkGetDeviceProcAddr(device, name);
}

// Before the VkDevice goes.
static inline void kept_destroy(VkDevice device)
{
    while (n_kept > 0)
        vkDestroyPipeline(device, kept[--n_kept].pipeline, NULL);
}

#endif
