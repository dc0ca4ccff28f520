// SPDX-License-Identifier: MIT
#define VK_NO_PROTOTYPES
#include "null_vulkan.h"

#include <string.h>

#include "fuzz.h"

enum { HEAP = 1 << 30, MAPPED_MOST = 64 << 20 };

// What VkBuffer and VkDeviceMemory point to.
struct buffer {
    VkDeviceSize size;
};
struct memory {
    VkDeviceSize size;
    void *bytes; // once it was mapped
};

static struct buffer *buffer_of(VkBuffer handle)
{
    PROMISE(handle);
    return (struct buffer *)(uintptr_t)handle;
}

static void check_range(VkBuffer handle, VkDeviceSize offset, VkDeviceSize size)
{
    const VkDeviceSize whole = buffer_of(handle)->size;
    PROMISE(size > 0 && offset <= whole && size <= whole - offset);
}

// Everything else that returns a VkResult or nothing: callers' arguments stay where they are.
static VkResult VKAPI_CALL do_nothing(void)
{
    return VK_SUCCESS;
}

// vkCreate… of a handle that nothing is done with.
static VkResult VKAPI_CALL create_handle(VkDevice device, const void *info,
                                         const VkAllocationCallbacks *allocator, uint64_t *handle)
{
    (void)device, (void)info, (void)allocator;
    *handle = 1;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t n,
                                            const VkComputePipelineCreateInfo *infos,
                                            const VkAllocationCallbacks *allocator,
                                            VkPipeline *pipelines)
{
    (void)device, (void)cache, (void)infos, (void)allocator;
    for (uint32_t i = 0; i < n; i++)
        pipelines[i] = (VkPipeline)(uintptr_t)1;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL allocate_commands(VkDevice device,
                                             const VkCommandBufferAllocateInfo *info,
                                             VkCommandBuffer *commands)
{
    (void)device;
    for (uint32_t i = 0; i < info->commandBufferCount; i++)
        commands[i] = null_commands();
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL allocate_sets(VkDevice device, const VkDescriptorSetAllocateInfo *info,
                                         VkDescriptorSet *sets)
{
    (void)device;
    for (uint32_t i = 0; i < info->descriptorSetCount; i++)
        sets[i] = (VkDescriptorSet)(uintptr_t)1;
    return VK_SUCCESS;
}

static void VKAPI_CALL update_sets(VkDevice device, uint32_t n, const VkWriteDescriptorSet *writes,
                                   uint32_t n_copies, const VkCopyDescriptorSet *copies)
{
    (void)device, (void)n_copies, (void)copies;
    for (uint32_t i = 0; i < n; i++)
        check_range(writes[i].pBufferInfo->buffer, writes[i].pBufferInfo->offset,
                    writes[i].pBufferInfo->range);
}

static void VKAPI_CALL copy_buffer(VkCommandBuffer commands, VkBuffer from, VkBuffer to, uint32_t n,
                                   const VkBufferCopy *regions)
{
    (void)commands;
    for (uint32_t i = 0; i < n; i++) {
        check_range(from, regions[i].srcOffset, regions[i].size);
        check_range(to, regions[i].dstOffset, regions[i].size);
    }
}

static void VKAPI_CALL fill_buffer(VkCommandBuffer commands, VkBuffer buffer, VkDeviceSize offset,
                                   VkDeviceSize size, uint32_t word)
{
    (void)commands, (void)word;
    check_range(buffer, offset, size);
}

static VkResult VKAPI_CALL create_buffer(VkDevice device, const VkBufferCreateInfo *info,
                                         const VkAllocationCallbacks *allocator, VkBuffer *buffer)
{
    (void)device, (void)allocator;
    *buffer = null_buffer(info->size);
    return VK_SUCCESS;
}

static void VKAPI_CALL destroy_buffer(VkDevice device, VkBuffer buffer,
                                      const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    null_buffer_destroy(buffer);
}

static void VKAPI_CALL get_requirements(VkDevice device, VkBuffer buffer,
                                        VkMemoryRequirements *needs)
{
    (void)device;
    *needs = (VkMemoryRequirements){buffer_of(buffer)->size, 16, 1};
}

static VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                           const VkAllocationCallbacks *allocator,
                                           VkDeviceMemory *out)
{
    (void)device, (void)allocator;
    struct memory *memory = info->allocationSize <= HEAP ? calloc(1, sizeof(*memory)) : NULL;
    if (!memory)
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    memory->size = info->allocationSize;
    *out = (VkDeviceMemory)(uintptr_t)memory;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory handle, VkDeviceSize offset,
                                      VkDeviceSize size, VkMemoryMapFlags flags, void **data)
{
    (void)device, (void)offset, (void)size, (void)flags;
    struct memory *memory = (struct memory *)(uintptr_t)handle;
    memory->bytes = memory->size <= MAPPED_MOST ? calloc(1, memory->size) : NULL;
    *data = memory->bytes;
    return memory->bytes ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory handle,
                                   const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    struct memory *memory = (struct memory *)(uintptr_t)handle;
    if (memory)
        free(memory->bytes);
    free(memory);
}

static VkResult VKAPI_CALL get_counter(VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
    (void)device, (void)semaphore;
    *value = UINT64_MAX;
    return VK_SUCCESS;
}

static VkResult VKAPI_CALL no_extensions(VkPhysicalDevice physical, const char *layer, uint32_t *n,
                                         VkExtensionProperties *properties)
{
    (void)physical, (void)layer, (void)properties;
    *n = 0;
    return VK_SUCCESS;
}

// Features and whatever a chain asks for beyond the core's properties stay zero.
static void VKAPI_CALL get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
    (void)physical;
    VkPhysicalDeviceProperties *p = &out->properties;
    p->apiVersion = VK_API_VERSION_1_2;
    p->deviceType = VK_PHYSICAL_DEVICE_TYPE_OTHER;
    strcpy(p->deviceName, "null");
    p->limits.maxStorageBufferRange = 1 << 27;
    p->limits.minStorageBufferOffsetAlignment = 16;
    p->limits.maxComputeSharedMemorySize = 16384;
    p->limits.maxComputeWorkGroupInvocations = 128;
    for (int i = 0; i < 3; i++)
        p->limits.maxComputeWorkGroupCount[i] = 65535;
    for (VkBaseOutStructure *s = out->pNext; s; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES)
            ((VkPhysicalDeviceVulkan11Properties *)s)->maxMemoryAllocationSize = HEAP;
}

static void VKAPI_CALL get_memory(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out)
{
    (void)physical;
    *out = (VkPhysicalDeviceMemoryProperties){
        .memoryTypeCount = 1,
        .memoryTypes = {{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                             VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                         0}},
        .memoryHeapCount = 1,
        .memoryHeaps = {{HEAP, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}},
    };
}

static void VKAPI_CALL get_families(VkPhysicalDevice physical, uint32_t *n,
                                    VkQueueFamilyProperties *families)
{
    (void)physical;
    *n = 1;
    families[0] = (VkQueueFamilyProperties){.queueFlags = VK_QUEUE_COMPUTE_BIT, .queueCount = 1};
}

static PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device, const char *name);

static const struct {
    const char *name;
    PFN_vkVoidFunction function;
} functions[] = {
#define FUNCTION(name, function)                                                                   \
    {                                                                                              \
        name, (PFN_vkVoidFunction)(function)                                                       \
    }
    FUNCTION("vkAllocateCommandBuffers", allocate_commands),
    FUNCTION("vkAllocateDescriptorSets", allocate_sets),
    FUNCTION("vkAllocateMemory", allocate_memory),
    FUNCTION("vkCmdCopyBuffer", copy_buffer),
    FUNCTION("vkCmdFillBuffer", fill_buffer),
    FUNCTION("vkCreateBuffer", create_buffer),
    FUNCTION("vkCreateComputePipelines", create_pipelines),
    FUNCTION("vkDestroyBuffer", destroy_buffer),
    FUNCTION("vkEnumerateDeviceExtensionProperties", no_extensions),
    FUNCTION("vkFreeMemory", free_memory),
    FUNCTION("vkGetBufferMemoryRequirements", get_requirements),
    FUNCTION("vkGetDeviceProcAddr", get_device_function),
    FUNCTION("vkGetPhysicalDeviceMemoryProperties", get_memory),
    FUNCTION("vkGetPhysicalDeviceProperties2", get_properties),
    FUNCTION("vkGetPhysicalDeviceQueueFamilyProperties", get_families),
    FUNCTION("vkGetSemaphoreCounterValue", get_counter),
    FUNCTION("vkMapMemory", map_memory),
    FUNCTION("vkUpdateDescriptorSets", update_sets),
    // After the two that create something to be looked at.
    FUNCTION("vkCreate", create_handle),
#undef FUNCTION
};

static PFN_vkVoidFunction find(const char *name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0 ||
            (strcmp(functions[i].name, "vkCreate") == 0 && strncmp(name, "vkCreate", 8) == 0))
            return functions[i].function;
    return (PFN_vkVoidFunction)do_nothing;
}

static PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device, const char *name)
{
    (void)device;
    return find(name);
}

static PFN_vkVoidFunction VKAPI_CALL get_function(VkInstance instance, const char *name)
{
    (void)instance;
    return find(name);
}

VkCommandBuffer null_commands(void)
{
    static char commands;
    return (VkCommandBuffer)(void *)&commands;
}

VkBuffer null_buffer(VkDeviceSize size)
{
    struct buffer *buffer = malloc(sizeof(*buffer));
    PROMISE(buffer && size > 0);
    buffer->size = size;
    return (VkBuffer)(uintptr_t)buffer;
}

void null_buffer_destroy(VkBuffer buffer)
{
    free((void *)(uintptr_t)buffer);
}

struct vkh_device *null_device(const struct vkh_log *log)
{
    static char handles[4];
    const VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .timelineSemaphore = VK_TRUE,
    };
    const VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = (void *)(uintptr_t)&v12};
    const struct vkh_vulkan_device vulkan = {
        .get = get_function,
        .instance = (VkInstance)(void *)&handles[0],
        .physical = (VkPhysicalDevice)(void *)&handles[1],
        .device = (VkDevice)(void *)&handles[2],
        .queue = (VkQueue)(void *)&handles[3],
        .features = &features,
    };
    const struct vkh_device_options options = {.log = log};
    struct vkh_device *device;
    PROMISE(vkh_device_import(&vulkan, &options, &device) == VKH_OK);
    return device;
}
