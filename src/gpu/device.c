// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/internal.h"

static VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                      VkDebugUtilsMessageTypeFlagsEXT types,
                                      const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)severity;
    (void)types;
    struct vkh_device *device = user;
    atomic_fetch_add(&device->validation_messages, 1);
    vkh_logf(&device->log, VKH_LOG_ERROR, "validation: %s", data->pMessage);
    return VK_FALSE;
}

// Higher is better; 0 cannot be used.
static int device_rank(VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(physical, &properties);
    uint32_t timestamp_bits;
    if (properties.apiVersion < VK_API_VERSION_1_2 ||
        vkh_compute_family(physical, &timestamp_bits) == UINT32_MAX)
        return 0;
    switch (properties.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 5;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return 4;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return 3;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return 1;
    default:
        return 2;
    }
}

static bool contains_ignoring_case(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; text++) {
        if (strncasecmp(text, part, length) == 0)
            return true;
    }
    return false;
}

// `select` is an index when it is all digits, else part of the name.
static bool is_selected(const char *select, uint32_t index, VkPhysicalDevice physical)
{
    if (select[strspn(select, "0123456789")] == '\0')
        return strtoul(select, NULL, 10) == index;
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(physical, &properties);
    return contains_ignoring_case(properties.deviceName, select);
}

static enum vkh_status pick_device(struct vkh_device *device, const char *select)
{
    VkPhysicalDevice *found;
    uint32_t n_found;
    const enum vkh_status status =
        vkh_instance_devices(device->instance, &device->log, &found, &n_found);
    if (status != VKH_OK)
        return status;
    int best = 0;
    for (uint32_t i = 0; i < n_found; i++) {
        const int rank = device_rank(found[i]);
        if ((!select || is_selected(select, i, found[i])) && rank > best) {
            best = rank;
            device->physical = found[i];
        }
    }
    free(found);
    if (best > 0)
        return VKH_OK;
    if (select)
        return vkh_fail(&device->log, VKH_ERR_DEVICE,
                        "device \"%s\": none of the %u Vulkan devices matches and can compute "
                        "with Vulkan 1.2",
                        select, n_found);
    return vkh_fail(&device->log, VKH_ERR_DEVICE,
                    "none of the %u Vulkan devices can compute with Vulkan 1.2", n_found);
}

static enum vkh_status open_device(struct vkh_device *device, const struct vkh_features *features)
{
    uint32_t timestamp_bits;
    device->queue_family = vkh_compute_family(device->physical, &timestamp_bits);
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = device->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features->core,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = features->n_extensions,
        .ppEnabledExtensionNames = features->extensions,
    };
    VkResult result = vkCreateDevice(device->physical, &info, NULL, &device->handle);
    if (result != VK_SUCCESS)
        return vkh_vk_status(&device->log, result, "creating the Vulkan device");
    volkLoadDeviceTable(&device->vk, device->handle);
    device->vk.vkGetDeviceQueue(device->handle, device->queue_family, 0, &device->queue);
    vkGetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    const VkPipelineCacheCreateInfo cache = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    result =
        device->vk.vkCreatePipelineCache(device->handle, &cache, NULL, &device->pipeline_cache);
    return vkh_vk_status(&device->log, result, "creating the pipeline cache");
}

enum vkh_status vkh_device_create(const struct vkh_device_options *options, struct vkh_device **out)
{
    *out = NULL;
    struct vkh_device *device = calloc(1, sizeof(*device));
    if (!device)
        return vkh_fail(options->log, VKH_ERR_MEMORY, "creating the device: out of memory");
    if (options->log)
        device->log = *options->log;
    enum vkh_status status = vkh_instance_create(&device->log, options->validation, on_message,
                                                 device, &device->instance, &device->messenger);
    if (status != VKH_OK)
        goto fail;
    status = pick_device(device, options->select);
    if (status != VKH_OK)
        goto fail;
    struct vkh_features features;
    const uint32_t mask = options->minimum_limits ? UINT32_MAX : options->caps_mask;
    device->statistics = options->statistics;
    status = vkh_caps_query(device->physical, mask, &device->statistics, &device->log,
                            &device->caps, &features);
    if (status != VKH_OK)
        goto fail;
    if (options->minimum_limits)
        vkh_caps_to_minimum(&device->caps);
    if (options->variants && !(device->variants = strdup(options->variants))) {
        status = vkh_fail(&device->log, VKH_ERR_MEMORY, "creating the device: out of memory");
        goto fail;
    }
    status = open_device(device, &features);
    if (status != VKH_OK)
        goto fail;
    *out = device;
    return VKH_OK;

fail:
    vkh_device_destroy(&device);
    return status;
}

static void destroy_pipelines(struct vkh_device *device)
{
    while (device->pipelines) {
        struct vkh_pipeline *next = device->pipelines->next;
        device->vk.vkDestroyPipeline(device->handle, device->pipelines->handle, NULL);
        device->vk.vkDestroyPipelineLayout(device->handle, device->pipelines->layout, NULL);
        device->vk.vkDestroyDescriptorSetLayout(device->handle, device->pipelines->set_layout,
                                                NULL);
        free(device->pipelines);
        device->pipelines = next;
    }
}

void vkh_device_destroy(struct vkh_device **pointer)
{
    struct vkh_device *device = pointer ? *pointer : NULL;
    if (!device)
        return;
    if (device->handle) {
        destroy_pipelines(device);
        device->vk.vkDestroyPipelineCache(device->handle, device->pipeline_cache, NULL);
        device->vk.vkDestroyDevice(device->handle, NULL);
    }
    vkh_instance_destroy(device->instance, device->messenger);
    free(device->variants);
    free(device);
    *pointer = NULL;
}

enum vkh_status
vkh_device_list(const struct vkh_log *log,
                void (*visit)(void *user, uint32_t index, const struct vkh_caps *caps), void *user)
{
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    enum vkh_status status = vkh_instance_create(log, false, NULL, NULL, &instance, &messenger);
    if (status != VKH_OK)
        return status;
    VkPhysicalDevice *found = NULL;
    uint32_t n_found = 0;
    status = vkh_instance_devices(instance, log, &found, &n_found);
    for (uint32_t i = 0; status == VKH_OK && i < n_found; i++) {
        struct vkh_caps caps;
        struct vkh_features features;
        bool statistics = false;
        if (device_rank(found[i]) == 0)
            continue;
        status = vkh_caps_query(found[i], 0, &statistics, log, &caps, &features);
        if (status == VKH_OK)
            visit(user, i, &caps);
    }
    free(found);
    vkh_instance_destroy(instance, messenger);
    return status;
}

const struct vkh_caps *vkh_device_caps(const struct vkh_device *device)
{
    return &device->caps;
}

const struct vkh_log *vkh_device_log(const struct vkh_device *device)
{
    return &device->log;
}

const char *vkh_device_variants(const struct vkh_device *device)
{
    return device->variants;
}

uint32_t vkh_device_validation_messages(const struct vkh_device *device)
{
    return atomic_load(&device->validation_messages);
}

struct vkh_memory_use vkh_device_memory_use(const struct vkh_device *device)
{
    return device->memory_use;
}
