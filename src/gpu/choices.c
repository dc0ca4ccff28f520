// SPDX-License-Identifier: MIT
#include "gpu/choices.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "gpu/cache.h"

enum { MAX_CHOICES = 256, MAX_FILE_BYTES = 1 << 20 };

// Capabilities left unused, or not enabled by an application, leave other variants to choose from.
static char *path_of(const struct vkh_device *device)
{
    char ending[32];
    snprintf(ending, sizeof(ending), "-%x.json", device->caps.bits);
    return vkh_cache_path(device, ending);
}

static bool copy_name(json_t *from, char to[VKH_CHOICE_NAME])
{
    const char *name = json_string_value(from);
    if (!name || strlen(name) >= VKH_CHOICE_NAME)
        return false;
    strcpy(to, name);
    return true;
}

static bool read_choice(json_t *object, struct vkh_choice *choice)
{
    json_t *variants = json_object_get(object, "variants"), *entry;
    const char *chosen = json_string_value(json_object_get(object, "chosen")), *name;
    *choice = (struct vkh_choice){.chosen = UINT32_MAX};
    if (!copy_name(json_object_get(object, "operation"), choice->operation) ||
        !copy_name(json_object_get(object, "type"), choice->type) || !chosen ||
        json_object_size(variants) > VKH_CHOICE_VARIANTS)
        return false;
    json_object_foreach(variants, name, entry)
    {
        const double seconds = json_number_value(entry);
        if (strlen(name) >= VKH_CHOICE_NAME || !json_is_number(entry) || !(seconds >= 0.0))
            return false;
        if (strcmp(name, chosen) == 0)
            choice->chosen = choice->n;
        strcpy(choice->variants[choice->n].name, name);
        choice->variants[choice->n++].seconds = seconds;
    }
    return choice->chosen < choice->n;
}

static struct vkh_choice *find(const struct vkh_device *device, const char *operation,
                               const char *type)
{
    for (uint32_t i = 0; i < device->n_choices; i++)
        if (strcmp(device->choices[i].operation, operation) == 0 &&
            strcmp(device->choices[i].type, type ? type : "") == 0)
            return &device->choices[i];
    return NULL;
}

static bool put(struct vkh_device *device, const struct vkh_choice *choice)
{
    struct vkh_choice *old = find(device, choice->operation, choice->type);
    if (old) {
        *old = *choice;
        return true;
    }
    struct vkh_choice *grown =
        device->n_choices < MAX_CHOICES
            ? realloc(device->choices, (device->n_choices + 1) * sizeof(*grown))
            : NULL;
    if (!grown)
        return false;
    device->choices = grown;
    grown[device->n_choices++] = *choice;
    return true;
}

static bool is(json_t *root, const char *key, const char *wanted)
{
    const char *value = json_string_value(json_object_get(root, key));
    return value && strcmp(value, wanted) == 0;
}

static bool read_all(struct vkh_device *device, json_t *root)
{
    json_t *choices = json_object_get(root, "choices"), *entry;
    size_t i;
    bool good = is(root, "version", VKH_VERSION) && is(root, "driver", device->caps.driver_info) &&
                json_is_array(choices);
    if (!good)
        return false;
    json_array_foreach(choices, i, entry)
    {
        struct vkh_choice choice;
        good = good && read_choice(entry, &choice) && put(device, &choice);
    }
    if (!good)
        device->n_choices = 0;
    return good;
}

void vkh_choices_load(struct vkh_device *device)
{
    struct vkh_file file;
    const char *path = device->choices_path = path_of(device);
    if (!path || vkh_file_open(path, NULL, &file) != VKH_OK)
        return;
    json_t *root = file.size <= MAX_FILE_BYTES ? json_loadb((const char *)file.data, file.size,
                                                            JSON_REJECT_DUPLICATES, NULL)
                                               : NULL;
    vkh_logf(&device->log, VKH_LOG_DEBUG,
             read_all(device, root) ? "%s: choices of variants read"
                                    : "%s: not used: damaged, or of another version",
             path);
    json_decref(root);
    vkh_file_close(&file);
}

bool vkh_choice_get(const struct vkh_device *device, const char *operation, const char *type,
                    struct vkh_choice *choice)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&device->lock;
    pthread_mutex_lock(lock);
    const struct vkh_choice *found = find(device, operation, type);
    if (found)
        *choice = *found;
    pthread_mutex_unlock(lock);
    return found != NULL;
}

bool vkh_choice_at(const struct vkh_device *device, uint32_t i, struct vkh_choice *choice)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&device->lock;
    pthread_mutex_lock(lock);
    const bool there = i < device->n_choices;
    if (there)
        *choice = device->choices[i];
    pthread_mutex_unlock(lock);
    return there;
}

const char *vkh_choices_path(const struct vkh_device *device)
{
    return device->choices_path;
}

static json_t *json_of(const struct vkh_choice *choice)
{
    json_t *variants = json_object();
    for (uint32_t i = 0; i < choice->n; i++)
        json_object_set_new(variants, choice->variants[i].name,
                            json_real(choice->variants[i].seconds));
    return json_pack("{s:s, s:s, s:s, s:o}", "operation", choice->operation, "type", choice->type,
                     "chosen", choice->variants[choice->chosen].name, "variants", variants);
}

static bool write_all(const struct vkh_device *device)
{
    json_t *choices = json_array();
    for (uint32_t i = 0; i < device->n_choices; i++)
        json_array_append_new(choices, json_of(&device->choices[i]));
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:o}", "version", VKH_VERSION, "device",
                  device->caps.device_name, "driver", device->caps.driver_info, "choices", choices);
    struct vkh_output output;
    bool good = root && vkh_output_open(device->choices_path, NULL, &output) == VKH_OK;
    if (good && json_dumpf(root, output.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) == 0) {
        fputc('\n', output.stream);
        good = vkh_output_commit(&output, NULL) == VKH_OK;
    } else if (good) {
        vkh_output_discard(&output);
        good = false;
    }
    json_decref(root);
    return good;
}

void vkh_choice_put(struct vkh_device *device, const struct vkh_choice *choice)
{
    pthread_mutex_lock(&device->lock);
    if (put(device, choice) && device->choices_path && vkh_cache_is_writable(device))
        vkh_logf(&device->log, VKH_LOG_DEBUG,
                 write_all(device) ? "%s: %s %s kept" : "%s: %s %s cannot be written",
                 device->choices_path, choice->operation, choice->type);
    pthread_mutex_unlock(&device->lock);
}
