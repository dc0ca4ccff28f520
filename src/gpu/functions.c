// SPDX-License-Identifier: MIT
#include "gpu/functions.h"

#include <dlfcn.h>
#include <stddef.h>

#include "base/size.h"

bool vkh_load_instance_table(PFN_vkGetInstanceProcAddr get, VkInstance instance,
                             struct vkh_instance_table *table)
{
    bool whole = true;
    table->vkGetInstanceProcAddr = get;
#define LOAD(name)                                                                                 \
    table->name = (PFN_##name)get(instance, #name);                                                \
    whole &= table->name != NULL;
    VKH_INSTANCE_FUNCTIONS(LOAD)
#undef LOAD
    return whole;
}

bool vkh_load_device_table(const struct vkh_instance_table *instance, VkDevice device,
                           struct vkh_device_table *table)
{
    bool whole = true;
#define LOAD(name)                                                                                 \
    table->name = (PFN_##name)instance->vkGetDeviceProcAddr(device, #name);                        \
    whole &= table->name != NULL;
    VKH_DEVICE_FUNCTIONS(LOAD)
#undef LOAD
    return whole;
}

PFN_vkGetInstanceProcAddr vkh_loader_open(void **library)
{
    static const char *const names[] = {
#ifdef __APPLE__
        "libvulkan.1.dylib",
        "libMoltenVK.dylib",
#else
        "libvulkan.so.1",
        "libvulkan.so",
#endif
    };
    *library = NULL;
    for (size_t i = 0; i < VKH_COUNTOF(names) && !*library; i++)
        *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!*library)
        return NULL;
    // POSIX lets a symbol's address be a function's; ISO C has no cast for it.
    PFN_vkGetInstanceProcAddr get;
    *(void **)&get = dlsym(*library, "vkGetInstanceProcAddr");
    return get;
}

void vkh_loader_close(void *library)
{
    if (library)
        dlclose(library);
}
