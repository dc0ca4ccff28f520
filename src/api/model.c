// SPDX-License-Identifier: MIT
#include <vkhrope/model.h>

#include "model/model.h"

struct vkh_model_info vkh_model_get_info(const struct vkh_model *model)
{
    const struct vkh_config *c = &model->config;
    return (struct vkh_model_info){
        .name = c->name,
        .architecture = c->architecture,
        .weight_type = model->weight_type,
        .context_length = c->context_length,
        .n_layers = c->n_layers,
        .hidden = c->hidden,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .ffn = c->ffn,
        .vocab = c->vocab,
        .parameters = model->parameters,
        .weight_bytes = model->weight_bytes,
    };
}
