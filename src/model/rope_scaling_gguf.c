// SPDX-License-Identifier: MIT
// The rope.scaling keys of a GGUF file.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "model/config.h"
#include "model/gguf.h"
#include "model/rope_scaling.h"
#include "model/tensor.h"

enum { FACTOR, LINEAR, ATTN, YARN_ATTN, YARN_EXT, YARN_LOG, BETA_FAST, BETA_SLOW, N_NUMBERS };

// Numbers, and what they are where the file is silent.
static const struct {
    const char *name;
    double usual;
} numbers[N_NUMBERS] = {
    [FACTOR] = {"rope.scaling.factor", 0},
    [LINEAR] = {"rope.scale_linear", 0},
    [ATTN] = {"rope.scaling.attn_factor", 1},
    [YARN_ATTN] = {"rope.scaling.yarn_attn_factor", 1},
    [YARN_EXT] = {"rope.scaling.yarn_ext_factor", 1},
    [YARN_LOG] = {"rope.scaling.yarn_log_multiplier", 0},
    [BETA_FAST] = {"rope.scaling.yarn_beta_fast", 32},
    [BETA_SLOW] = {"rope.scaling.yarn_beta_slow", 1},
};

static const char TYPE[] = "rope.scaling.type";

struct reader {
    const struct vkh_gguf *gguf;
    const char *prefix;
    double values[N_NUMBERS];
};

struct key {
    char text[128];
};

static struct key key_of(const struct reader *reader, const char *name)
{
    struct key key;
    snprintf(key.text, sizeof(key.text), "%s%s", reader->prefix, name);
    return key;
}

bool vkh_rope_scaling_has_key(const char *name)
{
    for (int i = 0; i < N_NUMBERS; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return true;
    return strcmp(name, TYPE) == 0;
}

static enum vkh_status read_numbers(struct reader *reader)
{
    const struct vkh_gguf *gguf = reader->gguf;
    for (int i = 0; i < N_NUMBERS; i++) {
        const struct key key = key_of(reader, numbers[i].name);
        reader->values[i] = numbers[i].usual;
        const enum vkh_status status = vkh_gguf_f64(gguf, key.text, &reader->values[i]);
        if (status != VKH_OK)
            return status;
        if (!(isfinite(reader->values[i]) && reader->values[i] >= 0) && i != YARN_EXT)
            return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: %g is not a number of at least 0",
                            gguf->path, key.text, reader->values[i]);
    }
    return VKH_OK;
}

// Numbers of other kinds of scaling than the file's must say that nothing is scaled.
static enum vkh_status want_usual(const struct reader *reader, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (reader->values[i] != numbers[i].usual)
            return vkh_fail(reader->gguf->log, VKH_ERR_UNSUPPORTED,
                            "%s: %s: %g is not supported with this rope.scaling.type",
                            reader->gguf->path, key_of(reader, numbers[i].name).text,
                            reader->values[i]);
    return VKH_OK;
}

// What the file's kind of scaling divides or multiplies by.
static enum vkh_status want_positive(const struct reader *reader, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (reader->values[i] <= 0)
            return vkh_fail(reader->gguf->log, VKH_ERR_FORMAT, "%s: %s: %g is not above 0",
                            reader->gguf->path, key_of(reader, numbers[i].name).text,
                            reader->values[i]);
    return VKH_OK;
}

static enum vkh_status check_yarn(const struct reader *reader)
{
    const double *v = reader->values, attention = v[ATTN] * v[YARN_ATTN];
    const struct vkh_gguf *gguf = reader->gguf;
    enum vkh_status status = want_positive(reader, ATTN, YARN_ATTN);
    if (status == VKH_OK)
        status = want_positive(reader, BETA_FAST, BETA_SLOW);
    if (status != VKH_OK)
        return status;
    if (v[BETA_FAST] < v[BETA_SLOW])
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: %g is below yarn_beta_slow, %g",
                        gguf->path, key_of(reader, numbers[BETA_FAST].name).text, v[BETA_FAST],
                        v[BETA_SLOW]);
    if (!(attention > 0 && attention < FLT_MAX))
        return vkh_fail(gguf->log, VKH_ERR_FORMAT,
                        "%s: %s: %g times attn_factor, %g, is out of range", gguf->path,
                        key_of(reader, numbers[YARN_ATTN].name).text, v[YARN_ATTN], v[ATTN]);
    return VKH_OK;
}

static enum vkh_status write_linear(const struct reader *reader, double factor,
                                    struct vkh_config *config)
{
    if (factor != 1) {
        vkh_rope_scaling_begin(config, "linear");
        vkh_rope_scaling_add(config, "factor", factor);
    }
    return want_usual(reader, ATTN, YARN_LOG);
}

static enum vkh_status write_yarn(const struct reader *reader, double factor,
                                  struct vkh_config *config)
{
    const double *v = reader->values;
    const enum vkh_status status = check_yarn(reader);
    if (status != VKH_OK)
        return status;
    vkh_rope_scaling_begin(config, "yarn");
    vkh_rope_scaling_add(config, "factor", factor);
    vkh_rope_scaling_add(config, "beta_fast", v[BETA_FAST]);
    vkh_rope_scaling_add(config, "beta_slow", v[BETA_SLOW]);
    // The file's factors multiply what the method gives.
    const double attention = v[ATTN] * v[YARN_ATTN];
    if (attention != 1)
        vkh_rope_scaling_add(config, "attention_factor", attention * (0.1 * log(factor) + 1.0));
    vkh_rope_scaling_add(config, "original", config->context_length);
    return v[YARN_EXT] < 0 ? VKH_OK : want_usual(reader, YARN_EXT, YARN_LOG);
}

static enum vkh_status write_longrope(const struct reader *reader, struct vkh_config *config)
{
    const enum vkh_status status = want_positive(reader, ATTN, ATTN);
    if (status != VKH_OK)
        return status;
    vkh_rope_scaling_begin(config, "longrope");
    vkh_rope_scaling_add(config, "attention_factor", reader->values[ATTN]);
    vkh_rope_scaling_add(config, "original", config->context_length);
    return want_usual(reader, YARN_ATTN, YARN_LOG);
}

enum vkh_status vkh_rope_scaling_from_gguf(const struct vkh_gguf *gguf,
                                           const struct vkh_tensor_table *table, const char *prefix,
                                           struct vkh_config *config)
{
    struct reader reader = {.gguf = gguf, .prefix = prefix};
    struct vkh_gguf_string type = {"linear", 6}; // without a type, a factor is a linear one
    const struct key key = key_of(&reader, TYPE);
    enum vkh_status status = vkh_gguf_string(gguf, key.text, &type);
    if (status == VKH_OK)
        status = read_numbers(&reader);
    if (status != VKH_OK)
        return status;
    const double *v = reader.values;
    const double said = v[FACTOR] != 0 ? v[FACTOR] : v[LINEAR], factor = said != 0 ? said : 1;
    const bool lists = vkh_tensor_table_find(table, "rope_factors_long.weight") != NULL;
    if (factor < 1)
        return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: %g is below 1", gguf->path,
                        key_of(&reader, numbers[v[FACTOR] != 0 ? FACTOR : LINEAR].name).text,
                        factor);
    if (lists || vkh_gguf_string_is(type, "longrope"))
        return write_longrope(&reader, config);
    if (vkh_gguf_string_is(type, "linear"))
        return write_linear(&reader, factor, config);
    if (vkh_gguf_string_is(type, "none"))
        return write_linear(&reader, 1, config);
    if (vkh_gguf_string_is(type, "yarn"))
        return write_yarn(&reader, factor, config);
    return vkh_fail(gguf->log, VKH_ERR_UNSUPPORTED, "%s: %s: %.*s is not supported", gguf->path,
                    key.text, (int)vkh_min_size(type.length, 64), type.text);
}
