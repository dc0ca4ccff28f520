// SPDX-License-Identifier: MIT
#include "gpu/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/log.h"

static const uint64_t MAX_BYTES = (uint64_t)256 << 20; // more than any driver has of these shaders

// What stands before the driver's data: they may trust theirs, and we do not trust the file.
struct header {
    char magic[8];
    uint64_t bytes, checksum; // of the data, XXH3 of 64 bits
};
static const char MAGIC[8] = "vkhpipe2";

static VkPhysicalDeviceProperties properties_of(const struct vkh_device *device)
{
    VkPhysicalDeviceProperties properties;
    device->instance.vk.vkGetPhysicalDeviceProperties(device->physical, &properties);
    return properties;
}

char *vkh_cache_path(const struct vkh_device *device, const char *ending)
{
    const VkPhysicalDeviceProperties p = properties_of(device);
    char uuid[2 * VK_UUID_SIZE + 1], *path;
    for (uint32_t i = 0; i < VK_UUID_SIZE; i++)
        snprintf(uuid + 2 * i, 3, "%02x", p.pipelineCacheUUID[i]);
    if (!device->cache_folder ||
        asprintf(&path, "%s/%04x-%04x-%08x-%s%s", device->cache_folder, p.vendorID, p.deviceID,
                 p.driverVersion, uuid, ending) < 0)
        return NULL;
    return path;
}

bool vkh_cache_is_writable(const struct vkh_device *device)
{
    char *path = device->cache_folder ? strdup(device->cache_folder) : NULL;
    if (!path)
        return false;
    bool there = true;
    for (char *slash = path + 1; there && *slash; slash++) {
        if (*slash != '/')
            continue;
        *slash = '\0';
        there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
    }
    there = there && (mkdir(path, 0700) == 0 || errno == EEXIST) && access(path, W_OK | X_OK) == 0;
    if (!there)
        vkh_logf(&device->log, VKH_LOG_DEBUG, "%s: cannot be written: %s; nothing is kept", path,
                 strerror(errno));
    free(path);
    return there;
}

// Whether the driver wrote the data, or so they say.
static bool is_of_driver(const struct vkh_device *device, const uint8_t *data, uint64_t bytes)
{
    const VkPhysicalDeviceProperties p = properties_of(device);
    VkPipelineCacheHeaderVersionOne header;
    if (bytes < sizeof(header))
        return false;
    memcpy(&header, data, sizeof(header));
    return header.headerSize == sizeof(header) &&
           header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
           header.vendorID == p.vendorID && header.deviceID == p.deviceID &&
           memcmp(header.pipelineCacheUUID, p.pipelineCacheUUID, VK_UUID_SIZE) == 0;
}

// The driver's data in the file, *bytes of them; NULL when they are not whole or not its own.
static const uint8_t *driver_data(const struct vkh_device *device, const struct vkh_file *file,
                                  uint64_t *bytes)
{
    struct header header;
    *bytes = 0;
    if (file->size < sizeof(header) || file->size > MAX_BYTES)
        return NULL;
    memcpy(&header, file->data, sizeof(header));
    const uint8_t *data = file->data + sizeof(header);
    if (memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0 ||
        header.bytes != file->size - sizeof(header) ||
        header.checksum != XXH3_64bits(data, header.bytes) ||
        !is_of_driver(device, data, header.bytes))
        return NULL;
    *bytes = header.bytes;
    return data;
}

static VkResult create(struct vkh_device *device, const uint8_t *data, uint64_t bytes)
{
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = data ? bytes : 0,
        .pInitialData = data,
    };
    device->cache_bytes = info.initialDataSize;
    return device->vk.vkCreatePipelineCache(device->handle, &info, device->allocator,
                                            &device->pipeline_cache);
}

VkResult vkh_cache_open(struct vkh_device *device)
{
    char *path = vkh_cache_path(device, ".pipelines");
    struct vkh_file file = {0};
    uint64_t bytes = 0;
    const uint8_t *data = NULL;
    if (path && vkh_file_open(path, NULL, &file) == VKH_OK) {
        data = driver_data(device, &file, &bytes);
        vkh_logf(&device->log, VKH_LOG_DEBUG, data ? "%s: pipelines read" : "%s: not used: damaged",
                 path);
    }
    VkResult result = create(device, data, bytes);
    if (result != VK_SUCCESS && data)
        result = create(device, NULL, 0);
    vkh_file_close(&file);
    free(path);
    return result;
}

static bool write_file(const char *path, const uint8_t *data, uint64_t bytes)
{
    struct header header = {.bytes = bytes, .checksum = XXH3_64bits(data, bytes)};
    struct vkh_output output;
    memcpy(header.magic, MAGIC, sizeof(MAGIC));
    if (vkh_output_open(path, NULL, &output) != VKH_OK)
        return false;
    fwrite(&header, sizeof(header), 1, output.stream);
    fwrite(data, 1, bytes, output.stream);
    return vkh_output_commit(&output, NULL) == VKH_OK;
}

static void save(const struct vkh_device *device)
{
    size_t bytes = 0;
    VkResult result =
        device->vk.vkGetPipelineCacheData(device->handle, device->pipeline_cache, &bytes, NULL);
    if (result != VK_SUCCESS || bytes == device->cache_bytes || bytes > MAX_BYTES ||
        !vkh_cache_is_writable(device))
        return;
    char *path = vkh_cache_path(device, ".pipelines");
    uint8_t *data = malloc(bytes);
    if (path && data)
        result =
            device->vk.vkGetPipelineCacheData(device->handle, device->pipeline_cache, &bytes, data);
    if (path && data && result == VK_SUCCESS)
        vkh_logf(&device->log, VKH_LOG_DEBUG,
                 write_file(path, data, bytes) ? "%s: pipelines kept" : "%s: cannot be written",
                 path);
    free(data);
    free(path);
}

void vkh_cache_close(struct vkh_device *device)
{
    if (!device->pipeline_cache)
        return;
    if (device->cache_folder && device->pipelines)
        save(device);
    device->vk.vkDestroyPipelineCache(device->handle, device->pipeline_cache, device->allocator);
}
