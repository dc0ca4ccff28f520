// SPDX-License-Identifier: MIT
#include "gpu/cmd.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/recorder.h"

static void fail(struct vkh_cmd *cmd, enum vkh_status status)
{
    if (cmd->status == VKH_OK)
        cmd->status = status;
}

static void barrier(struct vkh_cmd *cmd)
{
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    cmd->device->vk.vkCmdPipelineBarrier(cmd->handle, stages, stages, 0, 1, &memory, 0, NULL, 0,
                                         NULL);
    cmd->n_accesses = 0;
}

static bool conflicts(const struct vkh_cmd *cmd, const struct vkh_access *access)
{
    for (uint32_t i = 0; i < cmd->n_accesses; i++) {
        const struct vkh_access *earlier = &cmd->accesses[i];
        if ((access->write || earlier->write) && access->buffer == earlier->buffer &&
            access->begin < earlier->end && earlier->begin < access->end)
            return true;
    }
    return false;
}

// Puts a barrier before a command with these accesses if an earlier one needs it.
static void order(struct vkh_cmd *cmd, const struct vkh_access *accesses, uint32_t n)
{
    bool needed = cmd->n_accesses + n > VKH_MAX_ACCESSES;
    for (uint32_t i = 0; i < n && !needed; i++)
        needed = conflicts(cmd, &accesses[i]);
    if (needed)
        barrier(cmd);
    for (uint32_t i = 0; i < n; i++)
        cmd->accesses[cmd->n_accesses++] = accesses[i];
}

static struct vkh_access access_of(struct vkh_range range, bool write)
{
    return (struct vkh_access){range.buffer->handle, range.offset, range.offset + range.size,
                               write};
}

// Whether to record the next command: tells the stream first, which may submit.
static bool begin_command(struct vkh_cmd *cmd, double cost, bool is_first_run)
{
    if (cmd->status == VKH_OK && cmd->before_command)
        cmd->before_command(cmd, cost, is_first_run, cmd->user);
    cmd->is_first_run = is_first_run;
    cmd->cost += cost;
    cmd->n_commands++;
    return cmd->status == VKH_OK;
}

static bool is_valid(const struct vkh_device *device, struct vkh_range range)
{
    return range.buffer && range.size > 0 && range.offset <= range.buffer->size &&
           range.size <= range.buffer->size - range.offset &&
           range.size <= device->caps.max_storage_range &&
           range.offset % device->caps.storage_alignment == 0;
}

static bool check_dispatch(struct vkh_cmd *cmd, const struct vkh_dispatch *d)
{
    const struct vkh_device *device = cmd->device;
    const struct vkh_pipeline_desc *desc = &d->pipeline->desc;
    for (uint32_t i = 0; i < desc->n_bindings; i++) {
        if (!is_valid(device, d->bindings[i])) {
            fail(cmd, vkh_fail(&device->log, VKH_ERR_INTERNAL,
                               "%s: binding %u (%llu bytes at %llu) is out of the device's limits",
                               desc->shader->name, i, (unsigned long long)d->bindings[i].size,
                               (unsigned long long)d->bindings[i].offset));
            return false;
        }
        if ((desc->addressed >> i & 1) && !d->bindings[i].buffer->address) {
            fail(cmd, vkh_fail(&device->log, VKH_ERR_INTERNAL, "%s: binding %u has no address",
                               desc->shader->name, i));
            return false;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (d->groups[i] == 0 || d->groups[i] > device->caps.max_group_count[i]) {
            fail(cmd, vkh_fail(&device->log, VKH_ERR_INTERNAL, "%s: %u workgroups in dimension %d",
                               desc->shader->name, d->groups[i], i));
            return false;
        }
    }
    return true;
}

static VkResult add_pool(struct vkh_device *device, struct vkh_pools *pools)
{
    VkDescriptorPool *grown = realloc(pools->pools, (pools->n_pools + 1) * sizeof(*grown));
    if (!grown)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    pools->pools = grown;
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                       VKH_SETS_PER_POOL * VKH_MAX_BINDINGS};
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = VKH_SETS_PER_POOL,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    const VkResult result = device->vk.vkCreateDescriptorPool(
        device->handle, &info, device->allocator, &grown[pools->n_pools]);
    if (result == VK_SUCCESS)
        pools->n_pools++;
    return result;
}

void vkh_pools_reset(struct vkh_device *device, struct vkh_pools *pools)
{
    for (uint32_t i = 0; i < pools->n_pools; i++)
        device->vk.vkResetDescriptorPool(device->handle, pools->pools[i], 0);
    pools->current = 0;
}

void vkh_pools_destroy(struct vkh_device *device, struct vkh_pools *pools)
{
    for (uint32_t i = 0; i < pools->n_pools; i++)
        device->vk.vkDestroyDescriptorPool(device->handle, pools->pools[i], device->allocator);
    free(pools->pools);
}

static VkResult allocate_set(struct vkh_cmd *cmd, VkDescriptorSetLayout layout,
                             VkDescriptorSet *set)
{
    struct vkh_device *device = cmd->device;
    struct vkh_pools *pools = cmd->pools;
    for (;; pools->current++) {
        if (pools->current == pools->n_pools) {
            const VkResult result = add_pool(device, pools);
            if (result != VK_SUCCESS)
                return result;
        }
        const VkDescriptorSetAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = pools->pools[pools->current],
            .descriptorSetCount = 1,
            .pSetLayouts = &layout,
        };
        const VkResult result = device->vk.vkAllocateDescriptorSets(device->handle, &info, set);
        if (result != VK_ERROR_OUT_OF_POOL_MEMORY && result != VK_ERROR_FRAGMENTED_POOL)
            return result;
    }
}

static void write_set(struct vkh_device *device, VkDescriptorSet set, const struct vkh_dispatch *d)
{
    const uint32_t n = d->pipeline->desc.n_bindings;
    VkDescriptorBufferInfo infos[VKH_MAX_BINDINGS];
    VkWriteDescriptorSet writes[VKH_MAX_BINDINGS];
    for (uint32_t i = 0; i < n; i++) {
        infos[i] = (VkDescriptorBufferInfo){d->bindings[i].buffer->handle, d->bindings[i].offset,
                                            d->bindings[i].size};
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &infos[i],
        };
    }
    device->vk.vkUpdateDescriptorSets(device->handle, n, writes, 0, NULL);
}

static bool is_first_run(const struct vkh_pipeline *pipeline)
{
    return !atomic_exchange(&((struct vkh_pipeline *)pipeline)->has_run, true);
}

static void push_addresses(struct vkh_cmd *cmd, const struct vkh_dispatch *d)
{
    const struct vkh_pipeline_desc *desc = &d->pipeline->desc;
    uint32_t at = vkh_pipeline_addresses(desc);
    for (uint32_t i = 0; i < desc->n_bindings; i++) {
        if (!(desc->addressed >> i & 1))
            continue;
        const uint64_t address = d->bindings[i].buffer->address + d->bindings[i].offset;
        cmd->device->vk.vkCmdPushConstants(cmd->handle, d->pipeline->layout,
                                           VK_SHADER_STAGE_COMPUTE_BIT, at, 8, &address);
        at += 8;
    }
}

void vkh_cmd_dispatch(struct vkh_cmd *cmd, const struct vkh_dispatch *d)
{
    if (!begin_command(cmd, d->cost, is_first_run(d->pipeline)) || !check_dispatch(cmd, d))
        return;
    struct vkh_device *device = cmd->device;
    const struct vkh_pipeline *pipeline = d->pipeline;
    VkDescriptorSet set;
    const VkResult result = allocate_set(cmd, pipeline->set_layout, &set);
    if (result != VK_SUCCESS) {
        fail(cmd, vkh_vk_status(&device->log, result, pipeline->desc.shader->name));
        return;
    }
    write_set(device, set, d);

    struct vkh_access accesses[VKH_MAX_BINDINGS];
    for (uint32_t i = 0; i < pipeline->desc.n_bindings; i++)
        accesses[i] = access_of(d->bindings[i], d->writes >> i & 1);
    order(cmd, accesses, pipeline->desc.n_bindings);

    device->vk.vkCmdBindPipeline(cmd->handle, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    device->vk.vkCmdBindDescriptorSets(cmd->handle, VK_PIPELINE_BIND_POINT_COMPUTE,
                                       pipeline->layout, 0, 1, &set, 0, NULL);
    if (pipeline->desc.push_bytes)
        device->vk.vkCmdPushConstants(cmd->handle, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                                      pipeline->desc.push_bytes, d->push);
    push_addresses(cmd, d);
    device->vk.vkCmdDispatch(cmd->handle, d->groups[0], d->groups[1], d->groups[2]);
}

double vkh_cmd_budget(const struct vkh_cmd *cmd)
{
    return cmd->budget;
}

void vkh_cmd_copy(struct vkh_cmd *cmd, struct vkh_range from, struct vkh_range to)
{
    if (!begin_command(cmd, 0.0, false))
        return;
    const struct vkh_access accesses[] = {access_of(from, false), access_of(to, true)};
    order(cmd, accesses, VKH_COUNTOF(accesses));
    const VkBufferCopy region = {from.offset, to.offset, from.size};
    cmd->device->vk.vkCmdCopyBuffer(cmd->handle, from.buffer->handle, to.buffer->handle, 1,
                                    &region);
}

void vkh_cmd_fill(struct vkh_cmd *cmd, struct vkh_range range, uint32_t word)
{
    if (!begin_command(cmd, 0.0, false))
        return;
    const struct vkh_access access = access_of(range, true);
    order(cmd, &access, 1);
    cmd->device->vk.vkCmdFillBuffer(cmd->handle, range.buffer->handle, range.offset, range.size,
                                    word);
}
