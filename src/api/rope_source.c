// SPDX-License-Identifier: MIT
#include "api/rope_source.h"

#include <stdio.h>

#include "base/log.h"

enum vkh_status vkh_rope_source_init(const struct vkh_config *config, const struct vkh_log *log,
                                     struct vkh_rope_source *source)
{
    const bool factors = config->rope_factors != NULL, scaling = *config->rope_scaling != '\0';
    snprintf(source->text, sizeof(source->text), "%s%s%s", factors ? "rope-freqs" : "",
             factors && scaling ? "+" : "", config->rope_scaling);
    source->setting = (struct vkh_rope_setting){
        .base = config->rope_base,
        .dims = config->rotary_dim,
        .local_base = config->local_rope_base,
        .original_max_len = config->context_length,
        .factors = config->rope_factors,
        .short_factors = config->rope_short_factors,
        .long_factors = config->rope_long_factors,
        .own = &source->own,
    };
    const enum vkh_status status =
        vkh_method_parse(*source->text ? source->text : "baseline", log, &source->own);
    return status == VKH_OK
               ? VKH_OK
               : vkh_fail(log, VKH_ERR_FORMAT, "%s: the model's own rope scaling, %s, is no method",
                          config->name, source->text);
}
