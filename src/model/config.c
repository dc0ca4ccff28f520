// SPDX-License-Identifier: MIT
#include "model/config.h"

#include <inttypes.h>
#include <math.h>

#include "base/log.h"
#include "model/family.h"

#define FIELD(member, gguf, hf)                                                                    \
    {                                                                                              \
        offsetof(struct vkh_config, member),                                                       \
        {                                                                                          \
            gguf, hf                                                                               \
        }                                                                                          \
    }

const struct vkh_config_field vkh_config_fields[VKH_N_CONFIG_FIELDS] = {
    FIELD(n_layers, "block_count", "num_hidden_layers"),
    FIELD(hidden, "embedding_length", "hidden_size"),
    FIELD(n_heads, "attention.head_count", "num_attention_heads"),
    FIELD(n_kv_heads, "attention.head_count_kv", "num_key_value_heads"),
    FIELD(head_dim, "attention.key_length", "head_dim"),
    FIELD(rotary_dim, "rope.dimension_count", NULL),
    FIELD(ffn, "feed_forward_length", "intermediate_size"),
    FIELD(vocab, "vocab_size", "vocab_size"),
    FIELD(context_length, "context_length", "max_position_embeddings"),
};

#define REAL(member, gguf, hf, ...)                                                                \
    {                                                                                              \
        offsetof(struct vkh_config, member), {gguf, hf}, __VA_ARGS__                               \
    }

const struct vkh_config_real vkh_config_reals[VKH_N_CONFIG_REALS] = {
    REAL(norm_eps, "attention.layer_norm_rms_epsilon", "rms_norm_eps", 0, false),
    REAL(rope_base, "rope.freq_base", "rope_theta", 1, false),
    REAL(local_rope_base, "rope.freq_base_swa", "rope_local_base_freq", 1, true),
    REAL(attention_scale, "attention.scale", NULL, 0, false),
    REAL(attention_soft_cap, "attn_logit_softcapping", "attn_logit_softcapping", 0, true),
    REAL(final_soft_cap, "final_logit_softcapping", "final_logit_softcapping", 0, true),
};

struct check {
    const struct vkh_config *config;
    enum vkh_naming naming;
    const char *prefix, *path;
    const struct vkh_log *log;
};

static const char *name_of(const struct check *check, const uint32_t *member)
{
    const size_t offset = (size_t)((const char *)member - (const char *)check->config);
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++)
        if (vkh_config_fields[i].offset == offset)
            return vkh_config_fields[i].names[check->naming];
    return "";
}

static enum vkh_status indivisible(const struct check *check, const uint32_t *dividend,
                                   const uint32_t *divisor)
{
    return vkh_fail(check->log, VKH_ERR_FORMAT,
                    "%s: %s%s is %" PRIu32 ", which %s%s, %" PRIu32 ", does not divide",
                    check->path, check->prefix, name_of(check, dividend), *dividend, check->prefix,
                    name_of(check, divisor), *divisor);
}

static enum vkh_status check_dims(const struct check *check)
{
    const struct vkh_config *config = check->config;
    if (config->n_heads % config->n_kv_heads != 0)
        return indivisible(check, &config->n_heads, &config->n_kv_heads);
    // In config.json the whole head turns, so rotary_dim has no name of its own.
    const char *rotary = name_of(check, &config->rotary_dim);
    if (!rotary)
        rotary = name_of(check, &config->head_dim);
    if (config->rotary_dim % 2 != 0 || config->rotary_dim > config->head_dim)
        return vkh_fail(check->log, VKH_ERR_FORMAT,
                        "%s: %s%s: %" PRIu32 " rotated dimensions are not an even part of a head's "
                        "%" PRIu32,
                        check->path, check->prefix, rotary, config->rotary_dim, config->head_dim);
    return VKH_OK;
}

static enum vkh_status check_reals(const struct check *check, struct vkh_config *config)
{
    for (size_t i = 0; i < VKH_N_CONFIG_REALS; i++) {
        const struct vkh_config_real *real = &vkh_config_reals[i];
        const double value = *vkh_config_real(config, i);
        const char *name = real->names[check->naming];
        if (!((value > real->above || (value == 0 && real->or_none)) && isfinite((float)value)))
            return vkh_fail(check->log, VKH_ERR_FORMAT, "%s: %s%s: %g is not a number above %g",
                            check->path, check->prefix, name ? name : "", value, real->above);
    }
    return VKH_OK;
}

static void take_family(struct vkh_config *config, const struct vkh_family *family,
                        enum vkh_naming naming)
{
    const char *const *names = family->names;
    config->architecture = names[VKH_NAMING_GGUF] ? names[VKH_NAMING_GGUF] : names[VKH_NAMING_HF];
    config->rope_layout = family->rope_layout[naming];
    config->activation = family->activation;
    config->norm_shift = family->norm_shift[naming];
    config->embedding_scale = family->scales_embedding ? sqrt(config->hidden) : 1.0;
    if (config->attention_scale != 0)
        return;
    const bool wide = naming == VKH_NAMING_GGUF && config->n_layers == family->wide_layers;
    const double width = wide ? (double)config->hidden / config->n_heads : config->head_dim;
    config->attention_scale = 1.0 / sqrt(width);
}

enum vkh_status vkh_config_complete(struct vkh_config *config, const struct vkh_family *family,
                                    enum vkh_naming naming, const char *prefix, const char *path,
                                    const struct vkh_log *log)
{
    const struct check check = {config, naming, prefix, path, log};
    if (config->n_kv_heads == 0)
        config->n_kv_heads = config->n_heads;
    if (config->head_dim == 0 && config->n_heads != 0) {
        if (config->hidden % config->n_heads != 0)
            return indivisible(&check, &config->hidden, &config->n_heads);
        config->head_dim = config->hidden / config->n_heads;
    }
    if (config->rotary_dim == 0)
        config->rotary_dim = config->head_dim;
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++)
        if (*vkh_config_field(config, i) == 0)
            return vkh_fail(log, VKH_ERR_FORMAT, "%s: %s%s is missing", path, prefix,
                            vkh_config_fields[i].names[naming]);
    take_family(config, family, naming);
    const enum vkh_status status = check_dims(&check);
    return status == VKH_OK ? check_reals(&check, config) : status;
}
