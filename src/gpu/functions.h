// SPDX-License-Identifier: MIT
// The Vulkan functions that this library calls, in tables filled through the vkGetInstanceProcAddr
// of whoever owns the instance: nothing is process-wide, and devices do not meet.
#ifndef VKH_GPU_FUNCTIONS_H
#define VKH_GPU_FUNCTIONS_H

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include <stdbool.h>

#define VKH_INSTANCE_FUNCTIONS(X)                                                                  \
    X(vkCreateDevice)                                                                              \
    X(vkDestroyInstance)                                                                           \
    X(vkEnumerateDeviceExtensionProperties)                                                        \
    X(vkEnumeratePhysicalDevices)                                                                  \
    X(vkGetDeviceProcAddr)                                                                         \
    X(vkGetPhysicalDeviceFeatures2)                                                                \
    X(vkGetPhysicalDeviceMemoryProperties)                                                         \
    X(vkGetPhysicalDeviceProperties)                                                               \
    X(vkGetPhysicalDeviceProperties2)                                                              \
    X(vkGetPhysicalDeviceQueueFamilyProperties)

#define VKH_DEVICE_FUNCTIONS(X)                                                                    \
    X(vkAllocateCommandBuffers)                                                                    \
    X(vkAllocateDescriptorSets)                                                                    \
    X(vkAllocateMemory)                                                                            \
    X(vkBeginCommandBuffer)                                                                        \
    X(vkBindBufferMemory)                                                                          \
    X(vkCmdBindDescriptorSets)                                                                     \
    X(vkCmdBindPipeline)                                                                           \
    X(vkCmdCopyBuffer)                                                                             \
    X(vkCmdDispatch)                                                                               \
    X(vkCmdFillBuffer)                                                                             \
    X(vkCmdPipelineBarrier)                                                                        \
    X(vkCmdPushConstants)                                                                          \
    X(vkCmdResetQueryPool)                                                                         \
    X(vkCmdWriteTimestamp)                                                                         \
    X(vkCreateBuffer)                                                                              \
    X(vkCreateCommandPool)                                                                         \
    X(vkCreateComputePipelines)                                                                    \
    X(vkCreateDescriptorPool)                                                                      \
    X(vkCreateDescriptorSetLayout)                                                                 \
    X(vkCreatePipelineCache)                                                                       \
    X(vkCreatePipelineLayout)                                                                      \
    X(vkCreateQueryPool)                                                                           \
    X(vkCreateSemaphore)                                                                           \
    X(vkCreateShaderModule)                                                                        \
    X(vkDestroyBuffer)                                                                             \
    X(vkDestroyCommandPool)                                                                        \
    X(vkDestroyDescriptorPool)                                                                     \
    X(vkDestroyDescriptorSetLayout)                                                                \
    X(vkDestroyDevice)                                                                             \
    X(vkDestroyPipeline)                                                                           \
    X(vkDestroyPipelineCache)                                                                      \
    X(vkDestroyPipelineLayout)                                                                     \
    X(vkDestroyQueryPool)                                                                          \
    X(vkDestroySemaphore)                                                                          \
    X(vkDestroyShaderModule)                                                                       \
    X(vkEndCommandBuffer)                                                                          \
    X(vkFreeMemory)                                                                                \
    X(vkGetBufferDeviceAddress)                                                                    \
    X(vkGetBufferMemoryRequirements)                                                               \
    X(vkGetDeviceQueue)                                                                            \
    X(vkGetPipelineCacheData)                                                                      \
    X(vkGetQueryPoolResults)                                                                       \
    X(vkGetSemaphoreCounterValue)                                                                  \
    X(vkMapMemory)                                                                                 \
    X(vkQueueSubmit)                                                                               \
    X(vkResetCommandPool)                                                                          \
    X(vkResetDescriptorPool)                                                                       \
    X(vkUpdateDescriptorSets)                                                                      \
    X(vkWaitSemaphores)

#define VKH_FUNCTION_FIELD(name) PFN_##name name;

struct vkh_instance_table {
    PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr;
    VKH_INSTANCE_FUNCTIONS(VKH_FUNCTION_FIELD)
};

struct vkh_device_table {
    VKH_DEVICE_FUNCTIONS(VKH_FUNCTION_FIELD)
};

// False when one of them is missing: not a Vulkan 1.2 implementation.
bool vkh_load_instance_table(PFN_vkGetInstanceProcAddr get, VkInstance instance,
                             struct vkh_instance_table *table);
bool vkh_load_device_table(const struct vkh_instance_table *instance, VkDevice device,
                           struct vkh_device_table *table);

// The system's Vulkan loader, opened anew; NULL when there is none. *library is for close.
PFN_vkGetInstanceProcAddr vkh_loader_open(void **library);
void vkh_loader_close(void *library);

#endif
