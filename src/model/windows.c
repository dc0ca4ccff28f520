// SPDX-License-Identifier: MIT
#include "model/windows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "model/config.h"
#include "model/family.h"
#include "model/gguf.h"

// Lists hold a layer each.
static enum vkh_status new_list(const struct vkh_config *config, uint64_t count, const char *path,
                                const char *name, const struct vkh_log *log,
                                struct vkh_arena *arena, bool **list)
{
    if (count != config->n_layers)
        return vkh_fail(log, VKH_ERR_FORMAT,
                        "%s: %s has %" PRIu64 " elements for %" PRIu32 " layers", path, name, count,
                        config->n_layers);
    *list = vkh_arena_alloc(arena, count, sizeof(**list));
    return *list ? VKH_OK : vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
}

// A window that no text reaches is none, and kernels may add to it.
static void drop_endless(struct vkh_config *config)
{
    if (config->window > INT32_MAX)
        config->window = 0;
}

struct json_reader {
    const json_t *root;
    const char *path;
    const struct vkh_log *log;
};

// Absent leaves *out alone; null is 0.
static enum vkh_status read_count(const struct json_reader *r, const char *name, uint32_t *out)
{
    const json_t *value = json_object_get(r->root, name);
    if (!value)
        return VKH_OK;
    const json_int_t number = json_integer_value(value);
    if (!(json_is_integer(value) || json_is_null(value)) || number < 0 || number > UINT32_MAX)
        return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: %s is not an integer from 0 to 2^32 - 1",
                        r->path, name);
    *out = (uint32_t)number;
    return VKH_OK;
}

static enum vkh_status read_layer_types(const struct json_reader *r, struct vkh_arena *arena,
                                        struct vkh_config *config)
{
    const json_t *types = json_object_get(r->root, "layer_types");
    if (!types || json_is_null(types))
        return VKH_OK;
    bool *windowed;
    const enum vkh_status status =
        new_list(config, json_array_size(types), r->path, "layer_types", r->log, arena, &windowed);
    if (status != VKH_OK)
        return status;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        windowed[i] = type && strcmp(type, "sliding_attention") == 0;
        if (!type || (!windowed[i] && strcmp(type, "full_attention") != 0))
            return vkh_fail(r->log, VKH_ERR_UNSUPPORTED,
                            "%s: layer_types[%" PRIu32 "]: \"%.64s\" is not supported", r->path, i,
                            type ? type : "");
    }
    config->windowed = windowed;
    return VKH_OK;
}

enum vkh_status vkh_windows_from_json(const json_t *root, const struct vkh_family *family,
                                      const char *path, const struct vkh_log *log,
                                      struct vkh_arena *arena, struct vkh_config *config)
{
    // Transformers' own, where a Qwen does not say how many of its first layers see everything.
    enum { USUAL_FIRST = 28 };
    const struct json_reader r = {root, path, log};
    if (family->windows_by_flag)
        config->first_windowed = USUAL_FIRST;
    enum vkh_status status = read_count(&r, "sliding_window", &config->window);
    if (status == VKH_OK)
        status = read_count(&r, "max_window_layers", &config->first_windowed);
    if (status == VKH_OK)
        status = read_count(&r, "_sliding_window_pattern", &config->window_period);
    if (status == VKH_OK)
        status = read_count(&r, "sliding_window_pattern", &config->window_period);
    if (status == VKH_OK)
        status = read_layer_types(&r, arena, config);
    if (family->windows_by_flag && !json_is_true(json_object_get(root, "use_sliding_window")))
        config->window = 0;
    drop_endless(config);
    return status;
}

// A period, or a list with a truth value for each layer.
static enum vkh_status read_pattern(const struct vkh_gguf *gguf, const char *key,
                                    struct vkh_arena *arena, struct vkh_config *config)
{
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair || pair->type != VKH_GGUF_ARRAY)
        return vkh_gguf_u32(gguf, key, &config->window_period);
    struct vkh_gguf_array array;
    bool *windowed;
    enum vkh_status status = vkh_gguf_array(gguf, key, VKH_GGUF_BOOL, &array);
    if (status == VKH_OK)
        status = new_list(config, array.count, gguf->path, key, gguf->log, arena, &windowed);
    if (status != VKH_OK)
        return status;
    for (uint32_t i = 0; i < config->n_layers; i++)
        windowed[i] = array.next[i] != 0;
    config->windowed = windowed;
    return VKH_OK;
}

enum vkh_status vkh_windows_from_gguf(const struct vkh_gguf *gguf, const char *prefix,
                                      struct vkh_arena *arena, struct vkh_config *config)
{
    char key[128];
    snprintf(key, sizeof(key), "%sattention.sliding_window", prefix);
    const enum vkh_status status = vkh_gguf_u32(gguf, key, &config->window);
    if (status != VKH_OK)
        return status;
    drop_endless(config);
    snprintf(key, sizeof(key), "%sattention.sliding_window_pattern", prefix);
    return read_pattern(gguf, key, arena, config);
}
