// SPDX-License-Identifier: MIT
// rope_scaling or rope_parameters of a Hugging Face config.json.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/config.h"
#include "model/rope_scaling.h"

enum { MOST_FIELDS = 7 };

struct field {
    const char *name, *term; // in the file, in the method
    bool required;
};

#define SAME(name, required)                                                                       \
    {                                                                                              \
        name, name, required                                                                       \
    }

// A kind of scaling: what the file calls it, the method's term, and its numbers.
static const struct kind {
    const char *type, *term;
    struct field fields[MOST_FIELDS];
    bool has_original;  // the term has the original length
    bool factor_of_max; // a factor that is absent is the context length over the original
    bool has_lists;
} kinds[] = {
    {"default", NULL, {{NULL, NULL, false}}, false, false, false},
    {"linear", "linear", {SAME("factor", true)}, false, false, false},
    {"dynamic", "dynamic-ntk", {SAME("factor", true)}, true, false, false},
    {"yarn",
     "yarn",
     {SAME("factor", false), SAME("beta_fast", false), SAME("beta_slow", false),
      SAME("truncate", false), SAME("mscale", false), SAME("mscale_all_dim", false),
      SAME("attention_factor", false)},
     true,
     true,
     false},
    {"llama3",
     "llama3",
     {SAME("factor", true), SAME("low_freq_factor", true), SAME("high_freq_factor", true)},
     true,
     false,
     false},
    {"longrope",
     "longrope",
     {SAME("factor", false), SAME("attention_factor", false)},
     true,
     true,
     true},
    {"su", "longrope", {SAME("factor", false), SAME("attention_factor", false)}, true, true, true},
    {"proportional",
     "proportional",
     {{"partial_rotary_factor", "proportion", true}, SAME("factor", false)},
     false,
     false,
     false},
};

// Read elsewhere, or without a say in the numbers.
static const char *const others[] = {"rope_type",
                                     "type",
                                     "rope_theta",
                                     "finetuned",
                                     "partial_rotary_factor",
                                     "original_max_position_embeddings"};

struct reader {
    const json_t *root, *rope;
    const char *name, *path;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    const struct kind *kind;
    struct vkh_config *config;
};

// Absent and null are the same.
static const json_t *find(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    return json_is_null(value) ? NULL : value;
}

static const char *type_of(const json_t *rope)
{
    const json_t *type = find(rope, "rope_type") ? find(rope, "rope_type") : find(rope, "type");
    return type ? json_string_value(type) : "default";
}

bool vkh_rope_scaling_is_proportional(const json_t *rope)
{
    const char *type = type_of(rope);
    return type && strcmp(type, "proportional") == 0;
}

static enum vkh_status wrong(const struct reader *r, const char *field, const char *wanted)
{
    return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: %s.%s is not %s", r->path, r->name, field, wanted);
}

static enum vkh_status find_kind(struct reader *r)
{
    const char *text = type_of(r->rope);
    for (size_t i = 0; i < VKH_COUNTOF(kinds) && text; i++)
        if (strcmp(text, kinds[i].type) == 0)
            r->kind = &kinds[i];
    if (r->kind)
        return VKH_OK;
    return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: %s.rope_type: \"%.32s\" is not supported",
                    r->path, r->name, text ? text : "");
}

static bool is_known(const struct kind *kind, const char *name)
{
    for (size_t i = 0; i < VKH_COUNTOF(others); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    for (int i = 0; i < MOST_FIELDS && kind->fields[i].name; i++)
        if (strcmp(name, kind->fields[i].name) == 0)
            return true;
    return kind->has_lists &&
           (strcmp(name, "short_factor") == 0 || strcmp(name, "long_factor") == 0);
}

static enum vkh_status check_names(const struct reader *r)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)r->rope, name, value)
    {
        if (!json_is_null(value) && !is_known(r->kind, name))
            return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: %s.%.64s: an unknown field", r->path,
                            r->name, name);
    }
    return VKH_OK;
}

// The length before the extension, which the config's root may hold instead.
static enum vkh_status read_original(const struct reader *r)
{
    static const char field[] = "original_max_position_embeddings";
    const json_t *value = find(r->root, field) ? find(r->root, field) : find(r->rope, field);
    if (!value || !r->kind->has_original)
        return VKH_OK;
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > UINT32_MAX)
        return wrong(r, field, "an integer from 1 to 2^32 - 1");
    r->config->context_length = (uint32_t)number;
    return VKH_OK;
}

// One of yarn's two mscales without the other counts for nothing.
static bool is_lone(const struct reader *r, const char *name)
{
    return strncmp(name, "mscale", 6) == 0 &&
           !(json_number_value(find(r->rope, "mscale")) != 0 &&
             json_number_value(find(r->rope, "mscale_all_dim")) != 0);
}

static enum vkh_status add_field(const struct reader *r, const struct field *field, double most)
{
    const json_t *value = find(r->rope, field->name);
    const bool is_factor = strcmp(field->name, "factor") == 0;
    const bool is_flag = strcmp(field->name, "truncate") == 0;
    double number = is_flag ? json_is_true(value) : json_number_value(value);
    if (!value && is_factor && r->kind->factor_of_max)
        number = most / r->config->context_length;
    else if (!value)
        return field->required ? wrong(r, field->name, "there") : VKH_OK;
    else if (is_flag ? !json_is_boolean(value) : !json_is_number(value))
        return wrong(r, field->name, is_flag ? "a boolean" : "a number");
    if (is_lone(r, field->name))
        return VKH_OK;
    if (!is_flag && !(number > 0 && isfinite(number)))
        return wrong(r, field->name, "a positive number");
    if (is_factor && number < 1)
        return wrong(r, field->name, "a number of at least 1");
    vkh_rope_scaling_add(r->config, field->term, number);
    return VKH_OK;
}

static enum vkh_status read_list(const struct reader *r, const char *name, const float **list)
{
    const uint32_t n = r->config->rotary_dim / 2;
    const json_t *array = find(r->rope, name);
    if (!json_is_array(array) || json_array_size(array) != n)
        return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: %s.%s is not a list of %u numbers", r->path,
                        r->name, name, n);
    float *values = vkh_arena_alloc(r->arena, n, sizeof(*values));
    if (!values)
        return vkh_fail(r->log, VKH_ERR_MEMORY, "%s: out of memory", r->path);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = (float)json_number_value(json_array_get(array, i));
        if (!(values[i] > 0 && isfinite(values[i])))
            return wrong(r, name, "a list of positive numbers");
    }
    *list = values;
    return VKH_OK;
}

static enum vkh_status check_llama3(const struct reader *r)
{
    const double low = json_number_value(find(r->rope, "low_freq_factor"));
    const double high = json_number_value(find(r->rope, "high_freq_factor"));
    if (strcmp(r->kind->type, "llama3") != 0 || high > low)
        return VKH_OK;
    return wrong(r, "high_freq_factor", "above low_freq_factor");
}

static double number_or(const struct reader *r, const char *field, double usual)
{
    const json_t *value = find(r->rope, field);
    return value ? json_number_value(value) : usual;
}

static enum vkh_status check_yarn(const struct reader *r)
{
    const double fast = number_or(r, "beta_fast", 32), slow = number_or(r, "beta_slow", 1);
    if (strcmp(r->kind->type, "yarn") != 0 || fast >= slow)
        return VKH_OK;
    return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: %s.beta_fast: %g is below beta_slow, %g", r->path,
                    r->name, fast, slow);
}

static enum vkh_status check_proportional(const struct reader *r)
{
    static const char field[] = "partial_rotary_factor";
    if (strcmp(r->kind->type, "proportional") != 0 || number_or(r, field, 1) <= 1)
        return VKH_OK;
    return wrong(r, field, "a number of at most 1");
}

// What the kind's method wants of its numbers beyond their being positive (src/rope/kinds.c).
static enum vkh_status check_kind(const struct reader *r)
{
    enum vkh_status status = check_llama3(r);
    if (status == VKH_OK)
        status = check_yarn(r);
    return status == VKH_OK ? check_proportional(r) : status;
}

enum vkh_status vkh_rope_scaling_from_json(const json_t *root, const json_t *rope, const char *name,
                                           const char *path, const struct vkh_log *log,
                                           struct vkh_arena *arena, struct vkh_config *config)
{
    struct reader reader = {root, rope, name, path, log, arena, NULL, config};
    const double most = config->context_length;
    enum vkh_status status = find_kind(&reader);
    if (status == VKH_OK)
        status = check_names(&reader);
    if (status == VKH_OK)
        status = read_original(&reader);
    if (status != VKH_OK || !reader.kind->term)
        return status;
    vkh_rope_scaling_begin(config, reader.kind->term);
    for (int i = 0; i < MOST_FIELDS && reader.kind->fields[i].name && status == VKH_OK; i++)
        status = add_field(&reader, &reader.kind->fields[i], most);
    if (status == VKH_OK)
        status = check_kind(&reader);
    if (reader.kind->has_original)
        vkh_rope_scaling_add(config, "original", config->context_length);
    if (status == VKH_OK && reader.kind->has_lists)
        status = read_list(&reader, "short_factor", &config->rope_short_factors);
    if (status == VKH_OK && reader.kind->has_lists)
        status = read_list(&reader, "long_factor", &config->rope_long_factors);
    return status;
}
