// SPDX-License-Identifier: MIT
// The recorder behind struct vkh_cmd, shared by cmd.c and stream.c.
#ifndef VKH_GPU_RECORDER_H
#define VKH_GPU_RECORDER_H

#include "gpu/cmd.h"
#include "gpu/internal.h"

// An access since the last barrier.
struct vkh_access {
    VkBuffer buffer;
    uint64_t begin, end;
    bool write;
};

enum { VKH_MAX_ACCESSES = 128, VKH_SETS_PER_POOL = 256 };

// Descriptor pools of one command buffer, grown as needed and reset with it.
struct vkh_pools {
    VkDescriptorPool *pools;
    uint32_t n_pools, current;
};

// Forgets every set.
void vkh_pools_reset(struct vkh_device *device, struct vkh_pools *pools);
void vkh_pools_destroy(struct vkh_device *device, struct vkh_pools *pools);

struct vkh_cmd {
    struct vkh_device *device;
    VkCommandBuffer handle;
    struct vkh_pools *pools;
    enum vkh_status status; // the first failure
    struct vkh_access accesses[VKH_MAX_ACCESSES];
    uint32_t n_accesses;
    double cost;   // of what this command buffer holds
    double budget; // of one command buffer
    uint32_t n_commands;
    // Drivers may compile a pipeline only when it first runs (lavapipe takes up to a second). That
    // dispatch has a command buffer of its own, whose time says nothing of the device's speed.
    bool is_first_run;
    // Called before each command; a stream submits here when enough is recorded. NULL: never.
    void (*before_command)(struct vkh_cmd *cmd, double cost, bool is_first_run, void *user);
    void *user;
};

#endif
