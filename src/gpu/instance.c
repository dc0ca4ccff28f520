// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/internal.h"

enum vkh_status vkh_vk_status(const struct vkh_log *log, VkResult result, const char *what)
{
    switch (result) {
    case VK_SUCCESS:
        return VKH_OK;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of host memory", what);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return vkh_fail(log, VKH_ERR_DEVICE_MEMORY, "%s: out of device memory", what);
    case VK_ERROR_DEVICE_LOST:
        return vkh_fail(log, VKH_ERR_DEVICE_LOST, "%s: the device was lost", what);
    default:
        return vkh_fail(log, VKH_ERR_DEVICE, "%s: Vulkan error %d", what, (int)result);
    }
}

static VkResult create_instance(PFN_vkGetInstanceProcAddr get, bool validation,
                                VkInstance *instance)
{
    static const char *const layers[] = {"VK_LAYER_KHRONOS_validation"};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                             VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT checks[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    const VkValidationFeaturesEXT features = {
        .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
        .enabledValidationFeatureCount = VKH_COUNTOF(checks),
        .pEnabledValidationFeatures = checks,
    };
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "vkhrope",
        .apiVersion = VK_API_VERSION_1_2,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = validation ? &features : NULL,
        .pApplicationInfo = &application,
        .enabledLayerCount = validation ? VKH_COUNTOF(layers) : 0,
        .ppEnabledLayerNames = layers,
        .enabledExtensionCount = validation ? VKH_COUNTOF(extensions) : 0,
        .ppEnabledExtensionNames = extensions,
    };
    const PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    return create ? create(&info, NULL, instance) : VK_ERROR_INCOMPATIBLE_DRIVER;
}

static VkResult create_messenger(struct vkh_instance *instance,
                                 PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user)
{
    const VkDebugUtilsMessengerCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = user,
    };
    const PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)instance->vk.vkGetInstanceProcAddr(
            instance->handle, "vkCreateDebugUtilsMessengerEXT");
    return create ? create(instance->handle, &info, NULL, &instance->messenger)
                  : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static enum vkh_status load_table(struct vkh_instance *instance, PFN_vkGetInstanceProcAddr get,
                                  const struct vkh_log *log)
{
    if (vkh_load_instance_table(get, instance->handle, &instance->vk))
        return VKH_OK;
    return vkh_fail(log, VKH_ERR_DEVICE, "the Vulkan instance lacks functions of Vulkan 1.1");
}

static enum vkh_status open_loader(const struct vkh_log *log, void **library,
                                   PFN_vkGetInstanceProcAddr *get)
{
    *get = vkh_loader_open(library);
    if (*get)
        return VKH_OK;
    return vkh_fail(log, VKH_ERR_DEVICE,
                    "no Vulkan loader: install libvulkan1 (or your system's libvulkan)");
}

static enum vkh_status creation_status(VkResult result, const struct vkh_log *log)
{
    if (result == VK_ERROR_LAYER_NOT_PRESENT)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "validation was asked for: install vulkan-validationlayers");
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "no Vulkan driver: install your GPU's, or mesa-vulkan-drivers for a "
                        "software one");
    return vkh_vk_status(log, result, "creating the Vulkan instance");
}

enum vkh_status vkh_instance_create(const struct vkh_log *log, bool validation,
                                    PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user,
                                    struct vkh_instance *instance)
{
    *instance = (struct vkh_instance){0};
    PFN_vkGetInstanceProcAddr get;
    enum vkh_status status = open_loader(log, &instance->library, &get);
    if (status == VKH_OK)
        status = creation_status(create_instance(get, validation, &instance->handle), log);
    if (status == VKH_OK)
        status = load_table(instance, get, log);
    if (status == VKH_OK && validation)
        status = vkh_vk_status(log, create_messenger(instance, on_message, user),
                               "creating the validation messenger");
    if (status != VKH_OK)
        vkh_instance_destroy(instance);
    return status;
}

enum vkh_status vkh_instance_borrow(VkInstance handle, PFN_vkGetInstanceProcAddr get,
                                    const struct vkh_log *log, struct vkh_instance *instance)
{
    *instance = (struct vkh_instance){.handle = handle, .borrowed = true};
    enum vkh_status status = VKH_OK;
    if (!get)
        status = open_loader(log, &instance->library, &get);
    if (status == VKH_OK)
        status = load_table(instance, get, log);
    if (status != VKH_OK)
        vkh_instance_destroy(instance);
    return status;
}

void vkh_instance_destroy(struct vkh_instance *instance)
{
    if (instance->messenger) {
        const PFN_vkDestroyDebugUtilsMessengerEXT destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)instance->vk.vkGetInstanceProcAddr(
                instance->handle, "vkDestroyDebugUtilsMessengerEXT");
        destroy(instance->handle, instance->messenger, NULL);
    }
    if (instance->handle && !instance->borrowed && instance->vk.vkDestroyInstance)
        instance->vk.vkDestroyInstance(instance->handle, NULL);
    vkh_loader_close(instance->library);
    *instance = (struct vkh_instance){0};
}

enum vkh_status vkh_instance_devices(const struct vkh_instance *instance, const struct vkh_log *log,
                                     VkPhysicalDevice **devices, uint32_t *n_devices)
{
    *devices = NULL;
    *n_devices = 0;
    uint32_t n = 0;
    VkResult result = instance->vk.vkEnumeratePhysicalDevices(instance->handle, &n, NULL);
    if (result != VK_SUCCESS && result != VK_ERROR_INITIALIZATION_FAILED)
        return vkh_vk_status(log, result, "listing Vulkan devices");
    if (n == 0)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "no Vulkan device: install your GPU's driver, or mesa-vulkan-drivers for "
                        "a software one");
    VkPhysicalDevice *found = calloc(n, sizeof(*found));
    if (!found)
        return vkh_fail(log, VKH_ERR_MEMORY, "listing Vulkan devices: out of memory");
    result = instance->vk.vkEnumeratePhysicalDevices(instance->handle, &n, found);
    if (result < 0) {
        free(found);
        return vkh_vk_status(log, result, "listing Vulkan devices");
    }
    *devices = found;
    *n_devices = n;
    return VKH_OK;
}
