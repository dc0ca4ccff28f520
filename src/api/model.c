// SPDX-License-Identifier: MIT
#include <vkhrope/model.h>

#include "base/size.h"
#include "model/model.h"

static void count(uint64_t elements[VKH_N_DTYPES], const struct vkh_tensor *tensor)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        n *= tensor->shape[i];
    elements[tensor->type] += n;
}

static enum vkh_dtype commonest_type(const struct vkh_model *model)
{
    uint64_t elements[VKH_N_DTYPES] = {0};
    count(elements, model->embed);
    if (model->output != model->embed)
        count(elements, model->output);
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        const struct vkh_layer *l = &model->layers[i];
        const struct vkh_tensor *const matrices[] = {l->q,    l->k,  l->v,   l->o,
                                                     l->gate, l->up, l->down};
        for (uint32_t j = 0; j < VKH_COUNTOF(matrices); j++)
            count(elements, matrices[j]);
    }
    int best = 0;
    for (int type = 1; type < VKH_N_DTYPES; type++)
        if (elements[type] > elements[best])
            best = type;
    return (enum vkh_dtype)best;
}

struct vkh_model_info vkh_model_get_info(const struct vkh_model *model)
{
    const struct vkh_config *c = &model->config;
    return (struct vkh_model_info){
        .name = c->name,
        .architecture = c->architecture,
        .weight_type = vkh_dtype_info(commonest_type(model))->name,
        .context_length = c->context_length,
        .own_scaling = c->rope_scaling,
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
