// SPDX-License-Identifier: MIT
// The fields that a config.json may have.
#ifndef VKH_MODEL_JSON_FIELDS_H
#define VKH_MODEL_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <vkhrope/status.h>

struct vkh_family;
struct vkh_log;

// A field that is neither of every model, nor of the family, nor known to leave the numbers alone
// is VKH_ERR_UNSUPPORTED, unless it is null.
enum vkh_status vkh_json_fields_check(const json_t *root, const struct vkh_family *family,
                                      const char *path, const struct vkh_log *log);

bool vkh_json_fields_has(const struct vkh_family *family, const char *name);

#endif
