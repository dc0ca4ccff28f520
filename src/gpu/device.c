// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/block.h"
#include "gpu/cache.h"
#include "gpu/choices.h"
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
static int device_rank(const struct vkh_instance *instance, VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties properties;
    instance->vk.vkGetPhysicalDeviceProperties(physical, &properties);
    uint32_t timestamp_bits;
    if (properties.apiVersion < VK_API_VERSION_1_2 ||
        vkh_compute_family(instance, physical, &timestamp_bits) == UINT32_MAX)
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
static bool is_selected(const struct vkh_instance *instance, const char *select, uint32_t index,
                        VkPhysicalDevice physical)
{
    if (select[strspn(select, "0123456789")] == '\0')
        return strtoul(select, NULL, 10) == index;
    VkPhysicalDeviceProperties properties;
    instance->vk.vkGetPhysicalDeviceProperties(physical, &properties);
    return contains_ignoring_case(properties.deviceName, select);
}

static enum vkh_status pick_device(struct vkh_device *device, const char *select)
{
    VkPhysicalDevice *found;
    uint32_t n_found;
    const enum vkh_status status =
        vkh_instance_devices(&device->instance, &device->log, &found, &n_found);
    if (status != VKH_OK)
        return status;
    int best = 0;
    for (uint32_t i = 0; i < n_found; i++) {
        const int rank = device_rank(&device->instance, found[i]);
        if ((!select || is_selected(&device->instance, select, i, found[i])) && rank > best) {
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
    device->queue_family =
        vkh_compute_family(&device->instance, device->physical, &device->timestamp_bits);
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
    const VkResult result = device->instance.vk.vkCreateDevice(device->physical, &info,
                                                               device->allocator, &device->handle);
    return vkh_vk_status(&device->log, result, "creating the Vulkan device");
}

static void lock_mutex(void *mutex)
{
    pthread_mutex_lock(mutex);
}

static void unlock_mutex(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

enum vkh_status vkh_device_begin(const struct vkh_device_options *options, struct vkh_device **out)
{
    struct vkh_device *device = *out = calloc(1, sizeof(*device));
    if (!device)
        return vkh_fail(options->log, VKH_ERR_MEMORY, "creating the device: out of memory");
    if (options->log)
        device->log = *options->log;
    pthread_mutex_init(&device->lock, NULL);
    pthread_mutex_init(&device->queue_mutex, NULL);
    device->queue_lock = (struct vkh_queue_lock){lock_mutex, unlock_mutex, &device->queue_mutex};
    return VKH_OK;
}

enum vkh_status vkh_device_settle(struct vkh_device *device,
                                  const struct vkh_device_options *options, uint32_t mask,
                                  struct vkh_features *features)
{
    mask |= options->minimum_limits ? UINT32_MAX : options->caps_mask;
    const enum vkh_status status =
        vkh_caps_query(&device->instance, device->physical, mask, options->statistics, &device->log,
                       &device->caps, features);
    if (status != VKH_OK)
        return status;
    device->statistics = features->statistics.pipelineExecutableInfo;
    if (options->minimum_limits)
        vkh_caps_to_minimum(&device->caps);
    if ((options->variants && !(device->variants = strdup(options->variants))) ||
        (options->cache && *options->cache && !(device->cache_folder = strdup(options->cache))))
        return vkh_fail(&device->log, VKH_ERR_MEMORY, "creating the device: out of memory");
    return VKH_OK;
}

enum vkh_status vkh_device_load(struct vkh_device *device)
{
    if (!vkh_load_device_table(&device->instance.vk, device->handle, &device->vk))
        return vkh_fail(&device->log, VKH_ERR_DEVICE,
                        "%s: the Vulkan device lacks functions of Vulkan 1.2",
                        device->caps.device_name);
    device->instance.vk.vkGetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    vkh_choices_load(device);
    return vkh_vk_status(&device->log, vkh_cache_open(device), "creating the pipeline cache");
}

enum vkh_status vkh_device_create(const struct vkh_device_options *options, struct vkh_device **out)
{
    *out = NULL;
    struct vkh_device *device;
    struct vkh_features features;
    enum vkh_status status = vkh_device_begin(options, &device);
    if (status == VKH_OK)
        status = vkh_instance_create(&device->log, options->validation, on_message, device,
                                     &device->instance);
    if (status == VKH_OK)
        status = pick_device(device, options->select);
    if (status == VKH_OK)
        status = vkh_device_settle(device, options, 0, &features);
    if (status == VKH_OK)
        status = open_device(device, &features);
    if (status == VKH_OK)
        status = vkh_device_load(device);
    if (status != VKH_OK) {
        vkh_device_destroy(&device);
        return status;
    }
    device->vk.vkGetDeviceQueue(device->handle, device->queue_family, 0, &device->queue);
    *out = device;
    return VKH_OK;
}

static void destroy_pipelines(struct vkh_device *device)
{
    while (device->pipelines) {
        struct vkh_pipeline *next = device->pipelines->next;
        device->vk.vkDestroyPipeline(device->handle, device->pipelines->handle, device->allocator);
        device->vk.vkDestroyPipelineLayout(device->handle, device->pipelines->layout,
                                           device->allocator);
        device->vk.vkDestroyDescriptorSetLayout(device->handle, device->pipelines->set_layout,
                                                device->allocator);
        free(device->pipelines);
        device->pipelines = next;
    }
}

void vkh_device_destroy(struct vkh_device **pointer)
{
    struct vkh_device *device = pointer ? *pointer : NULL;
    if (!device)
        return;
    vkh_blocks_trim(device);
    vkh_cache_close(device);
    destroy_pipelines(device);
    if (device->handle && !device->borrowed && device->vk.vkDestroyDevice)
        device->vk.vkDestroyDevice(device->handle, device->allocator);
    vkh_instance_destroy(&device->instance);
    pthread_mutex_destroy(&device->queue_mutex);
    pthread_mutex_destroy(&device->lock);
    free(device->variants);
    free(device->cache_folder);
    free(device->choices_path);
    free(device->choices);
    free(device);
    *pointer = NULL;
}

enum vkh_status
vkh_device_list(const struct vkh_log *log,
                void (*visit)(void *user, uint32_t index, const struct vkh_caps *caps), void *user)
{
    struct vkh_instance instance;
    enum vkh_status status = vkh_instance_create(log, false, NULL, NULL, &instance);
    if (status != VKH_OK)
        return status;
    VkPhysicalDevice *found = NULL;
    uint32_t n_found = 0;
    status = vkh_instance_devices(&instance, log, &found, &n_found);
    for (uint32_t i = 0; status == VKH_OK && i < n_found; i++) {
        struct vkh_caps caps;
        struct vkh_features features;
        if (device_rank(&instance, found[i]) == 0)
            continue;
        status = vkh_caps_query(&instance, found[i], 0, false, log, &caps, &features);
        if (status == VKH_OK)
            visit(user, i, &caps);
    }
    free(found);
    vkh_instance_destroy(&instance);
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
    pthread_mutex_t *lock = (pthread_mutex_t *)&device->lock;
    pthread_mutex_lock(lock);
    const struct vkh_memory_use use = device->memory_use;
    pthread_mutex_unlock(lock);
    return use;
}

bool vkh_device_has_subgroup(const struct vkh_device *device, uint32_t size)
{
    const struct vkh_caps *caps = &device->caps;
    if (!(caps->bits & VKH_CAP_SUBGROUP_SIZE))
        return caps->subgroup_size == size;
    return caps->min_subgroup_size <= size && size <= caps->max_subgroup_size;
}

uint32_t vkh_device_subgroup(const struct vkh_device *device, uint32_t size)
{
    return device->caps.bits & VKH_CAP_SUBGROUP_SIZE ? size : 0;
}
