// SPDX-License-Identifier: MIT
#include "api/rope_source.h"

#include "base/log.h"

enum vkh_status vkh_rope_source_init(const struct vkh_config *config, const struct vkh_log *log,
                                     struct vkh_rope_source *source)
{
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
    const char *own = *config->rope_scaling ? config->rope_scaling : "baseline";
    if (vkh_method_parse(own, log, &source->own) == VKH_OK)
        return VKH_OK;
    return vkh_fail(log, VKH_ERR_FORMAT, "%s: the model's own rope scaling is no method: %s",
                    config->name, own);
}
