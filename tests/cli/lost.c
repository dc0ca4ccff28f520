// SPDX-License-Identifier: MIT
// A Vulkan loader that loses the device: where LD_LIBRARY_PATH finds it under the name of the real
// one, VKHROPE_TEST_LOADER, it hands everything on to that but for the submits after the first
// VKHROPE_TEST_SUBMITS.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan_core.h>

static PFN_vkGetInstanceProcAddr real_instance_function;
static PFN_vkGetDeviceProcAddr real_device_function;
static PFN_vkQueueSubmit real_submit;
static long left;

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t n, const VkSubmitInfo *info,
                                             VkFence fence)
{
    return left-- > 0 ? real_submit(queue, n, info, fence) : VK_ERROR_DEVICE_LOST;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char *name)
{
    const PFN_vkVoidFunction found = real_device_function(device, name);
    if (strcmp(name, "vkQueueSubmit") != 0)
        return found;
    real_submit = (PFN_vkQueueSubmit)found;
    left = strtol(getenv("VKHROPE_TEST_SUBMITS"), NULL, 10);
    return (PFN_vkVoidFunction)submit;
}

__attribute__((visibility("default"))) VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
vkGetInstanceProcAddr(VkInstance instance, const char *name)
{
    if (!real_instance_function) {
        void *library = dlopen(getenv("VKHROPE_TEST_LOADER"), RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return NULL;
        *(void **)&real_instance_function = dlsym(library, "vkGetInstanceProcAddr");
    }
    const PFN_vkVoidFunction found = real_instance_function(instance, name);
    if (strcmp(name, "vkGetDeviceProcAddr") != 0)
        return found;
    real_device_function = (PFN_vkGetDeviceProcAddr)found;
    return (PFN_vkVoidFunction)device_function;
}
