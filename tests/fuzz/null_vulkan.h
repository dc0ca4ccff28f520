// SPDX-License-Identifier: MIT
// A Vulkan 1.2 device that computes nothing: what a target needs to reach the functions that take a
// device, on machines without any driver. What is mapped reads as zeros, or as it was written;
// every copy and every binding must lie within its buffer.
#ifndef VKH_TESTS_NULL_VULKAN_H
#define VKH_TESTS_NULL_VULKAN_H

#include <vkhrope/vulkan.h>

// Aborts when it cannot be made. To be given to vkh_device_destroy.
struct vkh_device *null_device(const struct vkh_log *log);

// For recording into; its commands go nowhere.
VkCommandBuffer null_commands(void);
// A buffer of that many bytes; null_buffer_destroy takes it.
VkBuffer null_buffer(VkDeviceSize size);
void null_buffer_destroy(VkBuffer buffer);

#endif
