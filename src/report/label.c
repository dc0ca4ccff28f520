// SPDX-License-Identifier: MIT
#include "report/label.h"

#include <string.h>

#include "base/size.h"
#include "report/regime.h"
#include "report/text.h"

static const char *model(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    (void)arena;
    return results->model;
}

static const char *weights(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    return vkh_text_printf(arena, "%s weights", results->weight_type);
}

static const char *keys(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    return vkh_text_printf(arena, "%s keys and values", results->memory.kv_type);
}

static const char *scaling(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    return *results->own_scaling ? vkh_text_printf(arena, "its own %s", results->own_scaling)
                                 : "no scaling of its own";
}

static const char *original(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    return vkh_text_printf(arena, "original_max_len %u", results->original_max_len);
}

static const char *regime(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    return vkh_regime_name(&results->regime, arena);
}

static const char *reference(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    if (!results->kl_method)
        return "no KL divergences";
    if (!results->kl_model)
        return vkh_text_printf(arena, "KL divergences from %s", results->kl_method);
    return vkh_text_printf(arena, "KL divergences from %s of %s, %s weights", results->kl_method,
                           results->kl_model, results->kl_weight_type);
}

static const char *texts(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    const char *name = results->n_texts ? results->text_names[0] : "";
    name = *name ? name : "a text without a name";
    return results->n_texts > 1
               ? vkh_text_printf(arena, "%s and %u more", name, results->n_texts - 1)
               : name;
}

static const char *digests(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    unsigned long long all = results->n_texts;
    for (uint32_t i = 0; i < results->n_texts; i++)
        all = all * 31 + results->text_digests[i];
    return vkh_text_printf(arena, "tokens %016llx", all);
}

static const char *device(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    (void)arena;
    return results->device;
}

static const char *driver(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    (void)arena;
    return results->driver;
}

static const char *variants(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    (void)arena;
    return results->variants;
}

const char *vkh_label_make(const struct vkh_ppl_results *all, const struct vkh_ppl_results *one,
                           struct vkh_arena *arena)
{
    static const char *(*const facts[])(const struct vkh_ppl_results *, struct vkh_arena *) = {
        model,     weights, keys,    scaling, original, regime,
        reference, texts,   digests, device,  driver,   variants};
    const char *label = NULL;
    for (size_t i = 0; i < VKH_COUNTOF(facts); i++) {
        const char *own = facts[i](one, arena);
        bool differs = false;
        for (const struct vkh_ppl_results *r = all; r && own; r = r->next) {
            const char *other = facts[i](r, arena);
            own = other ? own : NULL;
            differs |= other && strcmp(own, other) != 0;
        }
        if (!own)
            return NULL;
        if (i > 0 && differs)
            label = vkh_text_printf(arena, "%s, %s", label, own);
        else if (i == 0)
            label = own;
        if (!label)
            return NULL;
    }
    return label;
}
