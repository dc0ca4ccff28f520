// SPDX-License-Identifier: MIT
#include "model/rope_scaling.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/config.h"

static void append(struct vkh_config *config, const char *text)
{
    const size_t used = strlen(config->rope_scaling);
    snprintf(config->rope_scaling + used, sizeof(config->rope_scaling) - used, "%s", text);
}

void vkh_rope_scaling_begin(struct vkh_config *config, const char *term)
{
    config->rope_scaling[0] = '\0';
    append(config, term);
}

void vkh_rope_scaling_put_first(struct vkh_config *config, const char *term)
{
    char rest[sizeof(config->rope_scaling)];
    memcpy(rest, config->rope_scaling, sizeof(rest));
    vkh_rope_scaling_begin(config, term);
    append(config, *rest ? "+" : "");
    append(config, rest);
}

void vkh_rope_scaling_add(struct vkh_config *config, const char *key, double value)
{
    char number[VKH_NUMBER_TEXT];
    vkh_number_format(value, number);
    append(config, strchr(config->rope_scaling, ':') ? "," : ":");
    append(config, key);
    append(config, "=");
    append(config, number);
}
