// SPDX-License-Identifier: MIT
// Fields of a JSON file that may hold anything.
#ifndef VKH_REPORT_FIELDS_H
#define VKH_REPORT_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/arena.h"

// The first failure stays in `status`, with a line that names file and field; what is read after it
// is 0, "" or NULL. Strings live in the arena.
struct vkh_fields {
    const char *path;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    enum vkh_status status;
};

// An object, and what stands before its fields' names in messages: "results[3]."
struct vkh_object {
    const json_t *json;
    char where[64];
};

void vkh_fields_fail(struct vkh_fields *fields, const struct vkh_object *object, const char *key,
                     const char *what);

const char *vkh_fields_string(struct vkh_fields *fields, const struct vkh_object *object,
                              const char *key, bool or_null);
uint64_t vkh_fields_size(struct vkh_fields *fields, const struct vkh_object *object,
                         const char *key, uint64_t least, uint64_t most);
// Null, where it may be, is NaN.
double vkh_fields_real(struct vkh_fields *fields, const struct vkh_object *object, const char *key,
                       double least, double most, bool or_null);
bool vkh_fields_bool(struct vkh_fields *fields, const struct vkh_object *object, const char *key);
bool vkh_fields_is_null(const struct vkh_object *object, const char *key);

// An array of `n` elements, or of any number with SIZE_MAX; NULL when it is none.
const json_t *vkh_fields_array(struct vkh_fields *fields, const struct vkh_object *object,
                               const char *key, size_t n);
// The object under `key`, or element `index` of the array there.
struct vkh_object vkh_fields_object(struct vkh_fields *fields, const struct vkh_object *object,
                                    const char *key);
struct vkh_object vkh_fields_element(struct vkh_fields *fields, const struct vkh_object *object,
                                     const char *key, const json_t *array, size_t index);
// Element `index` of an array of numbers.
double vkh_fields_number(struct vkh_fields *fields, const struct vkh_object *object,
                         const char *key, const json_t *array, size_t index, double least,
                         double most);

#endif
