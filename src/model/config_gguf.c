// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/config.h"
#include "model/family.h"
#include "model/gguf.h"
#include "model/rope_scaling.h"
#include "model/windows.h"

enum { MAX_PREFIX = 64, MAX_KEY = 128 };

struct reader {
    const struct vkh_gguf *gguf;
    char prefix[MAX_PREFIX]; // "llama."
};

struct key {
    char text[MAX_KEY];
};

static struct key key_of(const struct reader *reader, const char *name)
{
    struct key key;
    snprintf(key.text, sizeof(key.text), "%s%s", reader->prefix, name);
    return key;
}

// A field that is implemented for one value only; any number type and booleans.
static const struct neutral {
    const char *name;
    double value;
} neutrals[] = {
    {"expert_count", 0},          {"expert_used_count", 0},        {"attention.causal", 1},
    {"use_parallel_residual", 0}, {"attention.max_alibi_bias", 0}, {"attention.clamp_kqv", 0},
    {"logit_scale", 1},           {"embedding_scale", 1},          {"residual_scale", 1},
};

// Read elsewhere in this file, or about the file rather than the numbers.
static const char *const handled[] = {
    "attention.value_length",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "tensor_data_layout",
};

static enum vkh_status check_neutral(const struct reader *reader, const char *name, double wanted)
{
    const struct key key = key_of(reader, name);
    const struct vkh_gguf_pair *pair = vkh_gguf_find(reader->gguf, key.text);
    enum vkh_status status;
    double value = wanted;
    if (pair->type == VKH_GGUF_BOOL) {
        bool flag = false;
        status = vkh_gguf_bool(reader->gguf, key.text, &flag);
        value = flag;
    } else if (pair->type == VKH_GGUF_F32 || pair->type == VKH_GGUF_F64) {
        status = vkh_gguf_f64(reader->gguf, key.text, &value);
    } else {
        uint32_t number = 0;
        status = vkh_gguf_u32(reader->gguf, key.text, &number);
        value = number;
    }
    if (status == VKH_OK && !(value == wanted))
        return vkh_fail(reader->gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: %s: only %g is supported, not %g", reader->gguf->path, key.text,
                        wanted, value);
    return status;
}

static enum vkh_status check_name(const struct reader *reader, const char *name)
{
    for (size_t i = 0; i < VKH_COUNTOF(handled); i++)
        if (strcmp(handled[i], name) == 0)
            return VKH_OK;
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++)
        if (strcmp(vkh_config_fields[i].names[VKH_NAMING_GGUF], name) == 0)
            return VKH_OK;
    for (size_t i = 0; i < VKH_N_CONFIG_REALS; i++)
        if (strcmp(vkh_config_reals[i].names[VKH_NAMING_GGUF], name) == 0)
            return VKH_OK;
    for (size_t i = 0; i < VKH_COUNTOF(neutrals); i++)
        if (strcmp(neutrals[i].name, name) == 0)
            return check_neutral(reader, name, neutrals[i].value);
    if (vkh_rope_scaling_has_key(name))
        return VKH_OK;
    return vkh_fail(reader->gguf->log, VKH_ERR_UNSUPPORTED, "%s: %s%s: an unknown field",
                    reader->gguf->path, reader->prefix, name);
}

// Every key of the architecture must be one that is understood.
static enum vkh_status check_names(const struct reader *reader)
{
    const size_t length = strlen(reader->prefix);
    for (uint64_t i = 0; i < reader->gguf->n_pairs; i++) {
        const struct vkh_gguf_string key = reader->gguf->pairs[i].key;
        if (key.length < length || memcmp(key.text, reader->prefix, length) != 0)
            continue;
        char name[MAX_KEY] = {0};
        if (key.length - length >= sizeof(name) - length)
            return vkh_fail(reader->gguf->log, VKH_ERR_UNSUPPORTED, "%s: %.*s: an unknown field",
                            reader->gguf->path, (int)key.length, key.text);
        memcpy(name, key.text + length, key.length - length);
        const enum vkh_status status = check_name(reader, name);
        if (status != VKH_OK)
            return status;
    }
    return VKH_OK;
}

static enum vkh_status read_u32(const struct reader *reader, const char *name, uint32_t *out)
{
    const struct key key = key_of(reader, name);
    if (!vkh_gguf_find(reader->gguf, key.text))
        return VKH_OK;
    const enum vkh_status status = vkh_gguf_u32(reader->gguf, key.text, out);
    if (status == VKH_OK && *out == 0)
        return vkh_fail(reader->gguf->log, VKH_ERR_FORMAT, "%s: %s is 0", reader->gguf->path,
                        key.text);
    return status;
}

static enum vkh_status read_numbers(const struct reader *reader, struct vkh_config *config)
{
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS && status == VKH_OK; i++)
        status = read_u32(reader, vkh_config_fields[i].names[VKH_NAMING_GGUF],
                          vkh_config_field(config, i));
    if (status == VKH_OK)
        status = read_u32(reader, "rope.scaling.original_context_length", &config->context_length);
    config->norm_eps = -1;
    for (size_t i = 0; i < VKH_N_CONFIG_REALS && status == VKH_OK; i++)
        status = vkh_gguf_f64(reader->gguf,
                              key_of(reader, vkh_config_reals[i].names[VKH_NAMING_GGUF]).text,
                              vkh_config_real(config, i));
    return status;
}

// Values as long as keys: attention here has one head size.
static enum vkh_status check_value_length(const struct reader *reader,
                                          const struct vkh_config *config)
{
    uint32_t length = config->head_dim;
    const enum vkh_status status = read_u32(reader, "attention.value_length", &length);
    if (status == VKH_OK && length != config->head_dim)
        return vkh_fail(reader->gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: %sattention.value_length: %" PRIu32 " differs from the keys' %" PRIu32,
                        reader->gguf->path, reader->prefix, length, config->head_dim);
    return status;
}

static enum vkh_status check_general(const struct vkh_gguf *gguf)
{
    struct vkh_gguf_string type = {"model", 5};
    const enum vkh_status status = vkh_gguf_string(gguf, "general.type", &type);
    if (status == VKH_OK && !vkh_gguf_string_is(type, "model"))
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED, "%s: general.type: not a model",
                        gguf->path);
    return status;
}

static enum vkh_status find_family(struct reader *reader, const struct vkh_family **family)
{
    const struct vkh_gguf *gguf = reader->gguf;
    struct vkh_gguf_string name = {"", 0};
    const enum vkh_status status = vkh_gguf_string(gguf, "general.architecture", &name);
    if (status != VKH_OK)
        return status;
    if (name.length == 0)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: general.architecture is missing",
                        gguf->path);
    *family = vkh_family_find(VKH_NAMING_GGUF, name.text, name.length);
    if (!*family)
        return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED,
                        "%s: general.architecture: %.*s is not supported", gguf->path,
                        (int)vkh_min_size(name.length, 64), name.text);
    snprintf(reader->prefix, sizeof(reader->prefix), "%s.", (*family)->names[VKH_NAMING_GGUF]);
    return VKH_OK;
}

static void take_vocab(const struct vkh_tensor_table *table, struct vkh_config *config)
{
    const struct vkh_tensor *embed = vkh_tensor_table_find(table, "token_embd.weight");
    if (config->vocab == 0 && embed && embed->shape[0] <= UINT32_MAX)
        config->vocab = (uint32_t)embed->shape[0];
}

enum vkh_status vkh_config_from_gguf(const struct vkh_gguf *gguf,
                                     const struct vkh_tensor_table *table, struct vkh_arena *arena,
                                     struct vkh_config *config, const struct vkh_family **family)
{
    struct reader reader = {.gguf = gguf};
    enum vkh_status status = check_general(gguf);
    if (status == VKH_OK)
        status = find_family(&reader, family);
    if (status != VKH_OK)
        return status;
    *config = (*family)->defaults;
    status = check_names(&reader);
    if (status == VKH_OK)
        status = read_numbers(&reader, config);
    take_vocab(table, config);
    if (status == VKH_OK)
        status = vkh_config_complete(config, *family, VKH_NAMING_GGUF, reader.prefix, gguf->path,
                                     gguf->log);
    if (status == VKH_OK)
        status = vkh_windows_from_gguf(gguf, reader.prefix, arena, config);
    if (status == VKH_OK)
        status = check_value_length(&reader, config);
    if (status == VKH_OK)
        status = vkh_rope_scaling_from_gguf(gguf, table, reader.prefix, config);
    return status;
}
