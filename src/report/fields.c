// SPDX-License-Identifier: MIT
#include "report/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

void vkh_fields_fail(struct vkh_fields *fields, const struct vkh_object *object, const char *key,
                     const char *what)
{
    if (fields->status == VKH_OK)
        fields->status = vkh_fail(fields->log, VKH_ERR_FORMAT, "%s: %s%s: %s", fields->path,
                                  object->where, key, what);
}

static const json_t *find(struct vkh_fields *fields, const struct vkh_object *object,
                          const char *key)
{
    const json_t *value = fields->status == VKH_OK ? json_object_get(object->json, key) : NULL;
    if (!value)
        vkh_fields_fail(fields, object, key, "missing");
    return value;
}

bool vkh_fields_is_null(const struct vkh_object *object, const char *key)
{
    return json_is_null(json_object_get(object->json, key));
}

const char *vkh_fields_string(struct vkh_fields *fields, const struct vkh_object *object,
                              const char *key, bool or_null)
{
    const json_t *value = find(fields, object, key);
    if (value && or_null && json_is_null(value))
        return NULL;
    if (value && !json_is_string(value))
        vkh_fields_fail(fields, object, key, "not a string");
    if (fields->status != VKH_OK)
        return "";
    const char *text =
        vkh_arena_strndup(fields->arena, json_string_value(value), json_string_length(value));
    if (!text)
        fields->status = vkh_fail(fields->log, VKH_ERR_MEMORY, "%s: out of memory", fields->path);
    return text ? text : "";
}

uint64_t vkh_fields_size(struct vkh_fields *fields, const struct vkh_object *object,
                         const char *key, uint64_t least, uint64_t most)
{
    const json_t *value = find(fields, object, key);
    const json_int_t number = json_integer_value(value);
    char what[80];
    if (value && json_is_integer(value) && number >= 0 && (uint64_t)number >= least &&
        (uint64_t)number <= most)
        return (uint64_t)number;
    snprintf(what, sizeof(what), "not a whole number from %llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    vkh_fields_fail(fields, object, key, what);
    return 0;
}

static double check_real(struct vkh_fields *fields, const struct vkh_object *object,
                         const char *key, const json_t *value, double least, double most)
{
    const double number = json_number_value(value);
    char what[80];
    if (json_is_number(value) && number >= least && number <= most)
        return number;
    snprintf(what, sizeof(what), "not a number from %g to %g", least, most);
    vkh_fields_fail(fields, object, key, what);
    return 0.0;
}

double vkh_fields_real(struct vkh_fields *fields, const struct vkh_object *object, const char *key,
                       double least, double most, bool or_null)
{
    const json_t *value = find(fields, object, key);
    if (value && or_null && json_is_null(value))
        return (double)NAN;
    return value ? check_real(fields, object, key, value, least, most) : 0.0;
}

bool vkh_fields_bool(struct vkh_fields *fields, const struct vkh_object *object, const char *key)
{
    const json_t *value = find(fields, object, key);
    if (value && !json_is_boolean(value))
        vkh_fields_fail(fields, object, key, "neither true nor false");
    return json_is_true(value);
}

const json_t *vkh_fields_array(struct vkh_fields *fields, const struct vkh_object *object,
                               const char *key, size_t n)
{
    const json_t *value = find(fields, object, key);
    char what[80];
    if (!value)
        return NULL;
    if (json_is_array(value) && (n == SIZE_MAX || json_array_size(value) == n))
        return value;
    snprintf(what, sizeof(what), "not an array of %zu elements", n);
    vkh_fields_fail(fields, object, key, n == SIZE_MAX ? "not an array" : what);
    return NULL;
}

struct vkh_object vkh_fields_object(struct vkh_fields *fields, const struct vkh_object *object,
                                    const char *key)
{
    struct vkh_object found = {.json = find(fields, object, key)};
    if (found.json && !json_is_object(found.json))
        vkh_fields_fail(fields, object, key, "not an object");
    snprintf(found.where, sizeof(found.where), "%.40s%.20s.", object->where, key);
    return found;
}

struct vkh_object vkh_fields_element(struct vkh_fields *fields, const struct vkh_object *object,
                                     const char *key, const json_t *array, size_t index)
{
    struct vkh_object found = {.json = json_array_get(array, index)};
    snprintf(found.where, sizeof(found.where), "%.24s%.16s[%zu].", object->where, key, index);
    if (fields->status == VKH_OK && !json_is_object(found.json))
        vkh_fields_fail(fields, &found, "", "not an object");
    return found;
}

double vkh_fields_number(struct vkh_fields *fields, const struct vkh_object *object,
                         const char *key, const json_t *array, size_t index, double least,
                         double most)
{
    char name[64];
    if (fields->status != VKH_OK)
        return 0.0;
    snprintf(name, sizeof(name), "%.32s[%zu]", key, index);
    return check_real(fields, object, name, json_array_get(array, index), least, most);
}
