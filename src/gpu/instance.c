// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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

// volk keeps the loader's entry points and the instance-level trampolines in variables of its
// own, hidden inside this library; they are the same for every instance.
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;

static VkResult open_loader(void)
{
    pthread_mutex_lock(&loader_lock);
    const VkResult result = volkInitialize();
    pthread_mutex_unlock(&loader_lock);
    return result;
}

static void load_trampolines(VkInstance instance)
{
    pthread_mutex_lock(&loader_lock);
    volkLoadInstanceOnly(instance);
    pthread_mutex_unlock(&loader_lock);
}

static VkResult create_instance(bool validation, VkInstance *instance)
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
    return vkCreateInstance(&info, NULL, instance);
}

static VkResult create_messenger(VkInstance instance,
                                 PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user,
                                 VkDebugUtilsMessengerEXT *messenger)
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
        (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(instance,
                                                                  "vkCreateDebugUtilsMessengerEXT");
    return create ? create(instance, &info, NULL, messenger) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

enum vkh_status vkh_instance_create(const struct vkh_log *log, bool validation,
                                    PFN_vkDebugUtilsMessengerCallbackEXT on_message, void *user,
                                    VkInstance *instance, VkDebugUtilsMessengerEXT *messenger)
{
    *instance = VK_NULL_HANDLE;
    *messenger = VK_NULL_HANDLE;
    if (open_loader() != VK_SUCCESS)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "no Vulkan loader: install libvulkan1 (or your system's libvulkan)");
    VkResult result = create_instance(validation, instance);
    if (result == VK_ERROR_LAYER_NOT_PRESENT)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "validation was asked for: install vulkan-validationlayers");
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "no Vulkan driver: install your GPU's, or mesa-vulkan-drivers for a "
                        "software one");
    if (result != VK_SUCCESS)
        return vkh_vk_status(log, result, "creating the Vulkan instance");
    load_trampolines(*instance);
    if (validation)
        result = create_messenger(*instance, on_message, user, messenger);
    if (result != VK_SUCCESS) {
        vkh_instance_destroy(*instance, VK_NULL_HANDLE);
        *instance = VK_NULL_HANDLE;
        return vkh_vk_status(log, result, "creating the validation messenger");
    }
    return VKH_OK;
}

void vkh_instance_destroy(VkInstance instance, VkDebugUtilsMessengerEXT messenger)
{
    if (!instance)
        return;
    if (messenger) {
        const PFN_vkDestroyDebugUtilsMessengerEXT destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
                instance, "vkDestroyDebugUtilsMessengerEXT");
        destroy(instance, messenger, NULL);
    }
    vkDestroyInstance(instance, NULL);
}

enum vkh_status vkh_instance_devices(VkInstance instance, const struct vkh_log *log,
                                     VkPhysicalDevice **devices, uint32_t *n_devices)
{
    *devices = NULL;
    *n_devices = 0;
    uint32_t n = 0;
    VkResult result = vkEnumeratePhysicalDevices(instance, &n, NULL);
    if (result != VK_SUCCESS && result != VK_ERROR_INITIALIZATION_FAILED)
        return vkh_vk_status(log, result, "listing Vulkan devices");
    if (n == 0)
        return vkh_fail(log, VKH_ERR_DEVICE,
                        "no Vulkan device: install your GPU's driver, or mesa-vulkan-drivers for "
                        "a software one");
    VkPhysicalDevice *found = calloc(n, sizeof(*found));
    if (!found)
        return vkh_fail(log, VKH_ERR_MEMORY, "listing Vulkan devices: out of memory");
    result = vkEnumeratePhysicalDevices(instance, &n, found);
    if (result < 0) {
        free(found);
        return vkh_vk_status(log, result, "listing Vulkan devices");
    }
    *devices = found;
    *n_devices = n;
    return VKH_OK;
}
