// SPDX-License-Identifier: MIT
// LongRoPE, whose lists of factors come from the model or from a file.
#include <jansson.h>
#include <math.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "rope/kinds.h"

const char *vkh_longrope_check(const struct vkh_method_term *term)
{
    return isnan(term->values[VKH_LONGROPE_FACTOR]) &&
                   isnan(term->values[VKH_LONGROPE_ATTENTION_FACTOR])
               ? "factor or attention_factor must be given"
               : NULL;
}

static enum vkh_status read_list(const json_t *object, const char *name, const char *path,
                                 uint32_t n, const struct vkh_turns *turns, const float **list)
{
    const json_t *array = json_object_get(object, name);
    if (!json_is_array(array) || json_array_size(array) != n)
        return vkh_fail(turns->log, VKH_ERR_FORMAT, "%s: %s is not a list of %u numbers", path,
                        name, n);
    float *values = vkh_arena_alloc(turns->arena, n, sizeof(*values));
    if (!values)
        return vkh_fail(turns->log, VKH_ERR_MEMORY, "%s: out of memory", path);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = (float)json_number_value(json_array_get(array, i));
        if (!(values[i] > 0 && isfinite(values[i])))
            return vkh_fail(turns->log, VKH_ERR_FORMAT, "%s: %s[%u] is not a positive number", path,
                            name, i);
    }
    *list = values;
    return VKH_OK;
}

// The object itself, or the one that a Hugging Face config.json keeps its rope in.
static const json_t *find_lists(const json_t *root)
{
    static const char *const places[] = {"rope_parameters", "rope_scaling"};
    for (int i = 0; i < 2; i++)
        if (json_object_get(json_object_get(root, places[i]), "long_factor"))
            return json_object_get(root, places[i]);
    return root;
}

static enum vkh_status read_file(const char *path, const char *name, uint32_t n,
                                 const struct vkh_turns *turns, const float **list)
{
    struct vkh_file file;
    enum vkh_status status = vkh_file_open(path, turns->log, &file);
    if (status != VKH_OK)
        return status;
    json_error_t error;
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    if (root)
        status = read_list(find_lists(root), name, path, n, turns, list);
    else
        status =
            vkh_fail(turns->log, VKH_ERR_FORMAT, "%s: line %d: %s", path, error.line, error.text);
    json_decref(root);
    vkh_file_close(&file);
    return status;
}

static enum vkh_status choose_list(const struct vkh_method_term *term,
                                   const struct vkh_rope_setting *setting, bool beyond,
                                   const struct vkh_turns *turns, const float **list)
{
    *list = beyond ? setting->long_factors : setting->short_factors;
    if (!term->path.text)
        return *list ? VKH_OK
                     : vkh_fail(turns->log, VKH_ERR_ARGUMENT,
                                "method longrope: the model has no lists of factors; give file=");
    const char *path = vkh_arena_strndup(turns->arena, term->path.text, term->path.length);
    if (!path)
        return vkh_fail(turns->log, VKH_ERR_MEMORY, "method longrope: out of memory");
    return read_file(path, beyond ? "long_factor" : "short_factor", setting->dims / 2, turns, list);
}

VKH_SCHEDULE(longrope)
{
    const double *v = term->values;
    const double original = vkh_term_original(term, VKH_LONGROPE_ORIGINAL, setting);
    const float *list;
    const enum vkh_status status =
        choose_list(term, setting, (double)setting->length > original, turns, &list);
    if (status != VKH_OK)
        return status;
    for (uint32_t i = 0; i < setting->dims / 2; i++)
        turns->theta[i] /= (double)list[i];
    turns->scale *= isnan(v[VKH_LONGROPE_ATTENTION_FACTOR])
                        ? sqrt(1.0 + log(v[VKH_LONGROPE_FACTOR]) / log(original))
                        : v[VKH_LONGROPE_ATTENTION_FACTOR];
    return VKH_OK;
}
