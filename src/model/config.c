// SPDX-License-Identifier: MIT
#include "model/config.h"

#include <inttypes.h>
#include <math.h>

#include "base/log.h"

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
    if (config->rotary_dim % 2 != 0 || config->rotary_dim > config->head_dim)
        return vkh_fail(check->log, VKH_ERR_FORMAT,
                        "%s: %s%s: %" PRIu32 " rotated dimensions are not an even part of a head's "
                        "%" PRIu32,
                        check->path, check->prefix, name_of(check, &config->rotary_dim),
                        config->rotary_dim, config->head_dim);
    return VKH_OK;
}

static enum vkh_status check_reals(const struct check *check)
{
    static const char *const eps[] = {"attention.layer_norm_rms_epsilon", "rms_norm_eps"};
    static const char *const base[] = {"rope.freq_base", "rope_theta"};
    const struct vkh_config *config = check->config;
    if (!(config->norm_eps >= 0 && isfinite((float)config->norm_eps)))
        return vkh_fail(check->log, VKH_ERR_FORMAT, "%s: %s%s: %g is not a small positive number",
                        check->path, check->prefix, eps[check->naming], config->norm_eps);
    if (!(config->rope_base > 1 && isfinite(config->rope_base)))
        return vkh_fail(check->log, VKH_ERR_FORMAT, "%s: %s%s: %g is not a base above 1",
                        check->path, check->prefix, base[check->naming], config->rope_base);
    return VKH_OK;
}

enum vkh_status vkh_config_complete(struct vkh_config *config, enum vkh_naming naming,
                                    const char *prefix, const char *path, const struct vkh_log *log)
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
    const enum vkh_status status = check_dims(&check);
    return status == VKH_OK ? check_reals(&check) : status;
}
