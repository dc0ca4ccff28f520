// SPDX-License-Identifier: MIT
// An application with a Vulkan device of its own, for tests of what the library does on it.
#ifndef VKH_TESTS_API_APP_H
#define VKH_TESTS_API_APP_H

#include <stdlib.h>
#include <string.h>
#include <vkhrope/vulkan.h>
#include <vulkan/vulkan.h>

#include "api_test.h"

struct app {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t family;
    VkQueue queue;
};

// The device that VKHROPE_TEST_DEVICE names, or the first; exits with CHECK_SKIPPED without any.
static inline void app_pick(struct app *app)
{
    VkPhysicalDevice found[16];
    uint32_t n = 16;
    const char *select = getenv("VKHROPE_TEST_DEVICE");
    if (vkEnumeratePhysicalDevices(app->instance, &n, found) < 0 || n == 0)
        exit(CHECK_SKIPPED);
    app->physical = found[0];
    for (uint32_t i = 0; i < n && select; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(found[i], &properties);
        if (strstr(properties.deviceName, select))
            app->physical = found[i];
    }
}

// With the given chain of features and nothing else. NULL: with what the library asks for.
static inline struct app app_create(const VkPhysicalDeviceFeatures2 *features)
{
    struct app app = {0};
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_2};
    const VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                           .pApplicationInfo = &application};
    struct vkh_requirements *wanted;
    if (vkCreateInstance(&instance, NULL, &app.instance) != VK_SUCCESS)
        exit(CHECK_SKIPPED);
    app_pick(&app);
    if (vkh_device_requirements(NULL, app.instance, app.physical, NULL, &wanted) != VKH_OK)
        exit(1);
    const float priority = 1;
    app.family = wanted->queue_family;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = app.family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = features ? features : wanted->features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = features ? 0 : wanted->n_extensions,
                                     .ppEnabledExtensionNames = wanted->extensions};
    if (vkCreateDevice(app.physical, &info, NULL, &app.device) != VK_SUCCESS)
        exit(1);
    vkGetDeviceQueue(app.device, app.family, 0, &app.queue);
    vkh_requirements_destroy(&wanted);
    return app;
}

static inline void app_destroy(struct app *app)
{
    vkDestroyDevice(app->device, NULL);
    vkDestroyInstance(app->instance, NULL);
}

// Without features, allocator and locks.
static inline struct vkh_vulkan_device app_vulkan(const struct app *app)
{
    return (struct vkh_vulkan_device){.get = vkGetInstanceProcAddr,
                                      .instance = app->instance,
                                      .physical = app->physical,
                                      .device = app->device,
                                      .queue_family = app->family,
                                      .queue = app->queue};
}

// Objects of Vulkan that live, counted by what they allocate. One thread at a time.
static long app_live_allocations;

static inline void *app_allocate(void *user, size_t size, size_t alignment,
                                 VkSystemAllocationScope scope)
{
    (void)user;
    (void)scope;
    void *memory;
    if (posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size))
        return NULL;
    __atomic_add_fetch(&app_live_allocations, 1, __ATOMIC_RELAXED);
    return memory;
}

static inline void app_free(void *user, void *memory)
{
    (void)user;
    if (memory)
        __atomic_sub_fetch(&app_live_allocations, 1, __ATOMIC_RELAXED);
    free(memory);
}

static inline void *app_reallocate(void *user, void *memory, size_t size, size_t alignment,
                                   VkSystemAllocationScope scope)
{
    void *larger = app_allocate(user, size, alignment, scope);
    if (larger && memory) {
        memcpy(larger, memory, size); // drivers only grow; the tail is theirs to write
        app_free(user, memory);
    }
    return larger;
}

static const VkAllocationCallbacks app_allocator = {
    .pfnAllocation = app_allocate, .pfnReallocation = app_reallocate, .pfnFree = app_free};

#endif
