// SPDX-License-Identifier: MIT
// A Hugging Face config.json.
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/size.h"
#include "model/config.h"
#include "model/family.h"
#include "model/json_fields.h"
#include "model/rope_scaling.h"
#include "model/windows.h"

struct reader {
    const char *path;
    const struct vkh_log *log;
    struct vkh_arena *arena;
    const json_t *root;
};

static enum vkh_status wrong(const struct reader *r, const char *field, const char *wanted)
{
    return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: %s is not %s", r->path, field, wanted);
}

// Absent and null leave *out alone.
static const json_t *find(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    return json_is_null(value) ? NULL : value;
}

static enum vkh_status read_u32(const struct reader *r, const json_t *object, const char *field,
                                uint32_t *out)
{
    const json_t *value = find(object, field);
    if (!value)
        return VKH_OK;
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > UINT32_MAX)
        return wrong(r, field, "an integer from 1 to 2^32 - 1");
    *out = (uint32_t)number;
    return VKH_OK;
}

static enum vkh_status read_real(const struct reader *r, const json_t *object, const char *field,
                                 double *out)
{
    const json_t *value = find(object, field);
    if (!value)
        return VKH_OK;
    if (!json_is_number(value))
        return wrong(r, field, "a number");
    *out = json_number_value(value);
    return VKH_OK;
}

// A field that is implemented for one value only; absent is that value.
static enum vkh_status check_string(const struct reader *r, const json_t *object, const char *field,
                                    const char *wanted)
{
    const json_t *value = find(object, field);
    if (!value)
        return VKH_OK;
    if (!json_is_string(value))
        return wrong(r, field, "a string");
    if (strcmp(json_string_value(value), wanted) == 0)
        return VKH_OK;
    return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: %s: only \"%s\" is supported, not \"%.64s\"",
                    r->path, field, wanted, json_string_value(value));
}

static enum vkh_status check_false(const struct reader *r, const char *field)
{
    const json_t *value = find(r->root, field);
    if (!value || json_is_false(value))
        return VKH_OK;
    return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: %s: only false is supported", r->path, field);
}

static enum vkh_status read_numbers(const struct reader *r, struct vkh_config *config)
{
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++) {
        const char *name = vkh_config_fields[i].names[VKH_NAMING_HF];
        if (!name)
            continue;
        const enum vkh_status status = read_u32(r, r->root, name, vkh_config_field(config, i));
        if (status != VKH_OK)
            return status;
    }
    config->norm_eps = -1;
    for (size_t i = 0; i < VKH_N_CONFIG_REALS; i++) {
        const char *name = vkh_config_reals[i].names[VKH_NAMING_HF];
        // null: without it, whatever the family's usual value.
        if (name && vkh_config_reals[i].or_none && json_is_null(json_object_get(r->root, name)))
            *vkh_config_real(config, i) = 0;
        const enum vkh_status status =
            name ? read_real(r, r->root, name, vkh_config_real(config, i)) : VKH_OK;
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

// Transformers 5 writes rope_parameters, which hold the base too; earlier ones rope_scaling.
static const char *rope_name(const struct reader *r)
{
    return find(r->root, "rope_parameters") ? "rope_parameters" : "rope_scaling";
}

// Where windowed layers have a rope of their own, that of the others.
static const json_t *rope_of(const struct reader *r)
{
    const json_t *rope = find(r->root, rope_name(r));
    const json_t *full = find(rope, "full_attention");
    return full ? full : rope;
}

// The part of a head that turns.
static enum vkh_status read_rotary(const struct reader *r, const struct vkh_family *family,
                                   struct vkh_config *config)
{
    static const char field[] = "partial_rotary_factor";
    double part = 1;
    enum vkh_status status = read_real(r, r->root, field, &part);
    if (status == VKH_OK && !vkh_rope_scaling_is_proportional(rope_of(r)))
        status = read_real(r, rope_of(r), field, &part);
    if (status != VKH_OK || part == 1.0)
        return status;
    if (!(part > 0 && part < 1 && vkh_json_fields_has(family, field)))
        return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: %s: %g is not supported in a %s model",
                        r->path, field, part, family->names[VKH_NAMING_HF]);
    const uint32_t head_dim = config->head_dim  ? config->head_dim
                              : config->n_heads ? config->hidden / config->n_heads
                                                : 0;
    config->rotary_dim = (uint32_t)(head_dim * part);
    // 0 would stand for the whole head.
    if (head_dim != 0 && config->rotary_dim == 0)
        return vkh_fail(r->log, VKH_ERR_FORMAT,
                        "%s: %s: %g of a head's %" PRIu32 " is no dimension", r->path, field, part,
                        head_dim);
    return VKH_OK;
}

// What the numbers above do not say as they stand.
static enum vkh_status read_others(const struct reader *r, const struct vkh_family *family,
                                   struct vkh_config *config)
{
    const json_t *tied = find(r->root, "tie_word_embeddings");
    if (tied && !json_is_boolean(tied))
        return wrong(r, "tie_word_embeddings", "a boolean");
    config->tied = tied ? json_is_true(tied) : family->defaults.tied;
    // 256: transformers' own, where a Gemma does not say it.
    const bool scaled = vkh_json_fields_has(family, "query_pre_attn_scalar");
    double queries = 256;
    enum vkh_status status = read_real(r, r->root, "query_pre_attn_scalar", &queries);
    if (status == VKH_OK && !(queries > 0 && isfinite(queries)))
        status = wrong(r, "query_pre_attn_scalar", "a positive number");
    if (status == VKH_OK && scaled)
        config->attention_scale = 1.0 / sqrt(queries);
    return status == VKH_OK ? read_rotary(r, family, config) : status;
}

static enum vkh_status read_local_rope(const struct reader *r, struct vkh_config *config)
{
    const json_t *rope = find(find(r->root, rope_name(r)), "sliding_attention");
    const enum vkh_status status = check_string(r, rope, "rope_type", "default");
    return status == VKH_OK ? read_real(r, rope, "rope_theta", &config->local_rope_base) : status;
}

static enum vkh_status read_rope_base(const struct reader *r, struct vkh_config *config)
{
    const json_t *rope = rope_of(r);
    if (rope && !json_is_object(rope))
        return wrong(r, rope_name(r), "an object");
    const enum vkh_status status = read_real(r, rope, "rope_theta", &config->rope_base);
    return status == VKH_OK ? read_local_rope(r, config) : status;
}

// Fields that are implemented for one value only, and fields that are not known.
static enum vkh_status check_kind(const struct reader *r, const struct vkh_family *family)
{
    static const char *const gates[] = {[VKH_SILU] = "silu", [VKH_GELU_TANH] = "gelu_pytorch_tanh"};
    static const char *const switches[] = {"attention_bias", "mlp_bias", "rope_interleaved",
                                           "use_mrope", "use_bidirectional_attention"};
    // Gemma's hidden_act is a leftover that hidden_activation replaces.
    const char *gate = find(r->root, "hidden_activation") ? "hidden_activation" : "hidden_act";
    enum vkh_status status = vkh_json_fields_check(r->root, family, r->path, r->log);
    if (status == VKH_OK)
        status = check_string(r, r->root, gate, gates[family->activation]);
    for (size_t i = 0; i < VKH_COUNTOF(switches) && status == VKH_OK; i++)
        status = check_false(r, switches[i]);
    if (status == VKH_OK && find(r->root, "quantization_config"))
        status =
            vkh_fail(r->log, VKH_ERR_UNSUPPORTED,
                     "%s: quantization_config: quantised safetensors are not supported", r->path);
    return status;
}

static enum vkh_status read_root(const struct reader *r, struct vkh_config *config,
                                 const struct vkh_family **family)
{
    const char *type = json_string_value(json_object_get(r->root, "model_type"));
    if (!type)
        return vkh_fail(r->log, VKH_ERR_FORMAT, "%s: model_type is missing", r->path);
    *family = vkh_family_find(VKH_NAMING_HF, type, strlen(type));
    if (!*family)
        return vkh_fail(r->log, VKH_ERR_UNSUPPORTED, "%s: model_type: \"%.64s\" is not supported",
                        r->path, type);
    *config = (*family)->defaults;
    enum vkh_status status = check_kind(r, *family);
    if (status == VKH_OK)
        status = read_numbers(r, config);
    if (status == VKH_OK)
        status = read_others(r, *family, config);
    if (status == VKH_OK)
        status = read_rope_base(r, config);
    if (status == VKH_OK)
        status = vkh_config_complete(config, *family, VKH_NAMING_HF, "", r->path, r->log);
    if (status == VKH_OK)
        status = vkh_windows_from_json(r->root, *family, r->path, r->log, r->arena, config);
    if (status == VKH_OK)
        status = vkh_rope_scaling_from_json(r->root, rope_of(r), rope_name(r), r->path, r->log,
                                            r->arena, config);
    return status;
}

enum vkh_status vkh_config_from_json(const char *path, const struct vkh_log *log,
                                     struct vkh_arena *arena, struct vkh_config *config,
                                     const struct vkh_family **family)
{
    struct vkh_file file;
    enum vkh_status status = vkh_file_open(path, log, &file);
    if (status != VKH_OK)
        return status;
    json_error_t error;
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    const struct reader reader = {path, log, arena, root};
    if (!root)
        status = vkh_fail(log, VKH_ERR_FORMAT, "%s: line %d: %s", path, error.line, error.text);
    else if (!json_is_object(root))
        status = vkh_fail(log, VKH_ERR_FORMAT, "%s: not a JSON object", path);
    else
        status = read_root(&reader, config, family);
    json_decref(root);
    vkh_file_close(&file);
    return status;
}
