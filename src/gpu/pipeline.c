// SPDX-License-Identifier: MIT
#include "gpu/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/internal.h"

static bool same(const struct vkh_pipeline_desc *a, const struct vkh_pipeline_desc *b)
{
    return a->shader == b->shader && a->n_bindings == b->n_bindings &&
           a->push_bytes == b->push_bytes && a->addressed == b->addressed &&
           a->n_constants == b->n_constants && a->subgroup_size == b->subgroup_size &&
           memcmp(a->constants, b->constants, a->n_constants * sizeof(a->constants[0])) == 0;
}

static uint32_t push_bytes(const struct vkh_pipeline_desc *desc)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < desc->n_bindings; i++)
        n += desc->addressed >> i & 1;
    return n ? vkh_pipeline_addresses(desc) + 8 * n : desc->push_bytes;
}

static VkResult create_layouts(struct vkh_device *device, struct vkh_pipeline *pipeline)
{
    VkDescriptorSetLayoutBinding bindings[VKH_MAX_BINDINGS];
    for (uint32_t i = 0; i < pipeline->desc.n_bindings; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    }
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = pipeline->desc.n_bindings,
        .pBindings = bindings,
    };
    const VkResult result = device->vk.vkCreateDescriptorSetLayout(
        device->handle, &set, device->allocator, &pipeline->set_layout);
    if (result != VK_SUCCESS)
        return result;
    const VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes(&pipeline->desc)};
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &pipeline->set_layout,
        .pushConstantRangeCount = push.size ? 1 : 0,
        .pPushConstantRanges = &push,
    };
    return device->vk.vkCreatePipelineLayout(device->handle, &info, device->allocator,
                                             &pipeline->layout);
}

static VkResult create_pipeline(struct vkh_device *device, struct vkh_pipeline *pipeline)
{
    const struct vkh_pipeline_desc *desc = &pipeline->desc;
    VkSpecializationMapEntry entries[VKH_MAX_CONSTANTS];
    for (uint32_t i = 0; i < desc->n_constants; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
    const VkSpecializationInfo constants = {desc->n_constants, entries, desc->n_constants * 4,
                                            desc->constants};
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = desc->shader->bytes,
        .pCode = desc->shader->words,
    };
    VkShaderModule module;
    VkResult result =
        device->vk.vkCreateShaderModule(device->handle, &module_info, device->allocator, &module);
    if (result != VK_SUCCESS)
        return result;
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = desc->subgroup_size,
    };
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = device->statistics ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0u,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = desc->subgroup_size ? &subgroup : NULL,
                  .flags = desc->subgroup_size
                               ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT
                               : 0u,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = pipeline->layout,
    };
    result = device->vk.vkCreateComputePipelines(device->handle, device->pipeline_cache, 1, &info,
                                                 device->allocator, &pipeline->handle);
    device->vk.vkDestroyShaderModule(device->handle, module, device->allocator);
    return result;
}

static enum vkh_status find_or_create(struct vkh_device *device,
                                      const struct vkh_pipeline_desc *desc,
                                      const struct vkh_pipeline **out)
{
    for (const struct vkh_pipeline *p = device->pipelines; p; p = p->next) {
        if (same(&p->desc, desc)) {
            *out = p;
            return VKH_OK;
        }
    }
    struct vkh_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (!pipeline)
        return vkh_fail(&device->log, VKH_ERR_MEMORY, "pipeline %s: out of memory",
                        desc->shader->name);
    pipeline->desc = *desc;
    // In the list before it is whole: the device then releases what was made.
    pipeline->next = device->pipelines;
    device->pipelines = pipeline;
    VkResult result = create_layouts(device, pipeline);
    if (result == VK_SUCCESS)
        result = create_pipeline(device, pipeline);
    if (result != VK_SUCCESS) {
        pipeline->desc.shader = NULL;
        return vkh_vk_status(&device->log, result, desc->shader->name);
    }
    *out = pipeline;
    return VKH_OK;
}

enum vkh_status vkh_pipeline_get(struct vkh_device *device, const struct vkh_pipeline_desc *desc,
                                 const struct vkh_pipeline **out)
{
    *out = NULL;
    pthread_mutex_lock(&device->lock);
    const enum vkh_status status = find_or_create(device, desc, out);
    pthread_mutex_unlock(&device->lock);
    return status;
}
