// SPDX-License-Identifier: MIT
#include "gpu/stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/recorder.h"
#include "gpu/staging.h"
#include "gpu/ticks.h"

enum { SLOTS = 4, MAX_COMMANDS = 1024 };

static const double TARGET_SECONDS = 0.1;
static const double FIRST_COST = 2e8; // multiply-adds before anything was measured

// One command buffer and what it needs until the device has finished with it.
struct slot {
    VkCommandPool command_pool;
    VkCommandBuffer commands;
    struct vkh_pools pools;
    uint64_t ticket; // of its last submit; 0: none since it was last collected
    double cost;
};

struct vkh_stream {
    struct vkh_device *device;
    struct vkh_cmd cmd;
    struct slot slots[SLOTS];
    uint32_t current;
    VkSemaphore semaphore; // a timeline of tickets
    VkQueryPool timestamps;
    uint64_t last_ticket, completed; // submitted; known to have finished
    uint64_t last_tick;              // when the latest collected submit ended
    struct vkh_stream_times times;
    struct vkh_staging staging;
};

static void fail(struct vkh_stream *stream, VkResult result, const char *what)
{
    const enum vkh_status status = vkh_vk_status(&stream->device->log, result, what);
    if (stream->cmd.status == VKH_OK)
        stream->cmd.status = status;
}

static VkResult create_slot(struct vkh_device *device, struct slot *slot)
{
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = device->queue_family,
    };
    const VkResult result = device->vk.vkCreateCommandPool(device->handle, &pool, device->allocator,
                                                           &slot->command_pool);
    if (result != VK_SUCCESS)
        return result;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = slot->command_pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    return device->vk.vkAllocateCommandBuffers(device->handle, &info, &slot->commands);
}

static void destroy_slot(struct vkh_device *device, struct slot *slot)
{
    device->vk.vkDestroyCommandPool(device->handle, slot->command_pool, device->allocator);
    vkh_pools_destroy(device, &slot->pools);
}

static VkResult create_semaphore(struct vkh_stream *stream)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                        .pNext = &type};
    return stream->device->vk.vkCreateSemaphore(stream->device->handle, &info,
                                                stream->device->allocator, &stream->semaphore);
}

static VkResult create_timestamps(struct vkh_stream *stream)
{
    if (stream->device->caps.timestamp_ns <= 0.0)
        return VK_SUCCESS;
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = 2 * SLOTS,
    };
    return stream->device->vk.vkCreateQueryPool(stream->device->handle, &info,
                                                stream->device->allocator, &stream->timestamps);
}

static VkResult wait_ticket(struct vkh_stream *stream, uint64_t ticket)
{
    if (ticket <= stream->completed)
        return VK_SUCCESS;
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &stream->semaphore,
        .pValues = &ticket,
    };
    const VkResult result =
        stream->device->vk.vkWaitSemaphores(stream->device->handle, &info, UINT64_MAX);
    if (result == VK_SUCCESS)
        stream->completed = ticket;
    return result;
}

// Lets the cost of a submit follow the device's speed. It falls only after a submit that took too
// long: a short one may have been all copies.
static void follow(struct vkh_cmd *cmd, double fitting, bool too_long)
{
    const double ceiling = 8.0 * cmd->budget;
    if (too_long || fitting > cmd->budget)
        cmd->budget = fitting < ceiling ? fitting : ceiling;
}

// Accounts for the slot's finished submit, which may have begun while the one before still ran.
static void collect(struct vkh_stream *stream, struct slot *slot)
{
    struct vkh_device *device = stream->device;
    slot->ticket = 0;
    if (!stream->timestamps)
        return;
    uint64_t ticks[2] = {0};
    const uint32_t first = 2 * (uint32_t)(slot - stream->slots);
    const VkResult result = device->vk.vkGetQueryPoolResults(
        device->handle, stream->timestamps, first, 2, sizeof(ticks), ticks, sizeof(ticks[0]),
        VK_QUERY_RESULT_64_BIT);
    if (result != VK_SUCCESS)
        return;
    const uint64_t spent =
        vkh_ticks_spent(ticks[0], ticks[1], stream->last_tick, device->timestamp_bits);
    const double seconds = 1e-9 * device->caps.timestamp_ns * (double)spent;
    stream->last_tick = ticks[1];
    stream->times.busy += seconds;
    if (seconds > stream->times.longest)
        stream->times.longest = seconds;
    if (slot->cost > 0.0 && seconds > 0.0)
        follow(&stream->cmd, slot->cost * TARGET_SECONDS / seconds, seconds > TARGET_SECONDS);
}

static void begin_recording(struct vkh_stream *stream)
{
    struct vkh_device *device = stream->device;
    struct slot *slot = &stream->slots[stream->current];
    if (slot->ticket) {
        const VkResult result = wait_ticket(stream, slot->ticket);
        if (result != VK_SUCCESS) {
            fail(stream, result, "waiting for the device");
            return;
        }
        collect(stream, slot);
    }
    vkh_pools_reset(device, &slot->pools);
    device->vk.vkResetCommandPool(device->handle, slot->command_pool, 0);
    const VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    const VkResult result = device->vk.vkBeginCommandBuffer(slot->commands, &info);
    if (result != VK_SUCCESS)
        fail(stream, result, "beginning a command buffer");
    stream->cmd.handle = slot->commands;
    stream->cmd.pools = &slot->pools;
    stream->cmd.cost = 0.0;
    stream->cmd.n_commands = 0;
    stream->cmd.is_first_run = false;
    if (stream->timestamps) {
        device->vk.vkCmdResetQueryPool(slot->commands, stream->timestamps, 2 * stream->current, 2);
        device->vk.vkCmdWriteTimestamp(slot->commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                                       stream->timestamps, 2 * stream->current);
    }
}

// Makes everything visible to the host and takes the time.
static void end_recording(struct vkh_stream *stream)
{
    struct vkh_device *device = stream->device;
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    device->vk.vkCmdPipelineBarrier(
        stream->cmd.handle, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
        VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &memory, 0, NULL, 0, NULL);
    if (stream->timestamps)
        device->vk.vkCmdWriteTimestamp(stream->cmd.handle, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                       stream->timestamps, 2 * stream->current + 1);
}

static VkResult queue_submit(struct vkh_stream *stream, VkCommandBuffer commands, uint64_t ticket)
{
    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &ticket,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &stream->semaphore,
    };
    struct vkh_device *device = stream->device;
    device->queue_lock.lock(device->queue_lock.user);
    const VkResult result = device->vk.vkQueueSubmit(device->queue, 1, &info, VK_NULL_HANDLE);
    device->queue_lock.unlock(device->queue_lock.user);
    return result;
}

static void submit(struct vkh_stream *stream)
{
    if (stream->cmd.status != VKH_OK || stream->cmd.n_commands == 0)
        return;
    struct slot *slot = &stream->slots[stream->current];
    end_recording(stream);
    VkResult result = stream->device->vk.vkEndCommandBuffer(slot->commands);
    if (result == VK_SUCCESS)
        result = queue_submit(stream, slot->commands, stream->last_ticket + 1);
    if (result != VK_SUCCESS) {
        fail(stream, result, "submitting to the device");
        return;
    }
    slot->ticket = ++stream->last_ticket;
    slot->cost = stream->cmd.is_first_run ? 0.0 : stream->cmd.cost;
    stream->current = (stream->current + 1) % SLOTS;
    begin_recording(stream);
}

static void submit_when_enough(struct vkh_cmd *cmd, double cost, bool is_first_run, void *user)
{
    const bool is_enough = cmd->n_commands >= MAX_COMMANDS || cmd->cost + cost > cmd->budget ||
                           cmd->is_first_run || is_first_run;
    if (cmd->n_commands > 0 && is_enough)
        submit(user);
}

enum vkh_status vkh_stream_create(struct vkh_device *device, struct vkh_stream **out)
{
    *out = NULL;
    struct vkh_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return vkh_fail(&device->log, VKH_ERR_MEMORY, "creating a stream: out of memory");
    stream->device = device;
    stream->cmd = (struct vkh_cmd){.device = device,
                                   .budget = FIRST_COST,
                                   .before_command = submit_when_enough,
                                   .user = stream};
    VkResult result = create_semaphore(stream);
    if (result == VK_SUCCESS)
        result = create_timestamps(stream);
    for (uint32_t i = 0; i < SLOTS && result == VK_SUCCESS; i++)
        result = create_slot(device, &stream->slots[i]);
    if (result != VK_SUCCESS)
        fail(stream, result, "creating a stream");
    else
        begin_recording(stream);
    const enum vkh_status status = stream->cmd.status;
    if (status != VKH_OK)
        vkh_stream_destroy(&stream);
    *out = stream;
    return status;
}

void vkh_stream_destroy(struct vkh_stream **pointer)
{
    struct vkh_stream *stream = pointer ? *pointer : NULL;
    if (!stream)
        return;
    struct vkh_device *device = stream->device;
    if (stream->last_ticket)
        wait_ticket(stream, stream->last_ticket);
    for (uint32_t i = 0; i < SLOTS; i++)
        destroy_slot(device, &stream->slots[i]);
    vkh_buffer_destroy(&stream->staging.upload);
    vkh_buffer_destroy(&stream->staging.readback);
    device->vk.vkDestroyQueryPool(device->handle, stream->timestamps, device->allocator);
    device->vk.vkDestroySemaphore(device->handle, stream->semaphore, device->allocator);
    free(stream);
    *pointer = NULL;
}

struct vkh_cmd *vkh_stream_cmd(struct vkh_stream *stream)
{
    return &stream->cmd;
}

enum vkh_status vkh_stream_submit(struct vkh_stream *stream, uint64_t *ticket)
{
    submit(stream);
    if (ticket)
        *ticket = stream->last_ticket;
    return stream->cmd.status;
}

// After a failure the caller is going to release what earlier submits may still use.
static enum vkh_status drain(struct vkh_stream *stream)
{
    if (stream->last_ticket > 0)
        wait_ticket(stream, stream->last_ticket);
    return stream->cmd.status;
}

enum vkh_status vkh_stream_wait(struct vkh_stream *stream, uint64_t ticket)
{
    if (stream->cmd.status != VKH_OK)
        return drain(stream);
    if (ticket == 0)
        return VKH_OK;
    const VkResult result = wait_ticket(stream, ticket);
    if (result != VK_SUCCESS) {
        fail(stream, result, "waiting for the device");
        return drain(stream);
    }
    for (uint32_t i = 0; i < SLOTS && stream->cmd.status == VKH_OK; i++) { // the oldest first
        struct slot *slot = &stream->slots[(stream->current + i) % SLOTS];
        if (slot->ticket && slot->ticket <= ticket)
            collect(stream, slot);
    }
    return stream->cmd.status;
}

enum vkh_status vkh_stream_finish(struct vkh_stream *stream)
{
    submit(stream);
    return vkh_stream_wait(stream, stream->last_ticket);
}

struct vkh_staging *vkh_stream_staging(struct vkh_stream *stream)
{
    return &stream->staging;
}

struct vkh_stream_times vkh_stream_times(const struct vkh_stream *stream)
{
    return stream->times;
}
