// SPDX-License-Identifier: MIT
#include "graph/event.h"

#include "graph/tier.h"

static const struct vkh_variant *tile_variants(const struct vkh_trial *t, uint32_t *n)
{
    uint32_t all;
    *n = vkh_matmul_matrix_fitting(t->device, &t->layout, t->type);
    return vkh_matmul_matrix_variants(&t->layout, t->type, &all);
}

static enum vkh_status create_tile(const struct vkh_trial *trial, struct vkh_contestant *k)
{
    return vkh_matmul_matrix_create(trial->device, &trial->layout, trial->type, false,
                                    VKH_EPILOGUE_ROWS, k->variant, &k->tiles);
}

static void record_tile(const struct vkh_trial *trial, const struct vkh_contestant *k, uint32_t n)
{
    vkh_trial_matmul_matrix(trial, &k->tiles, n);
}

static const struct vkh_variant *tier_variants(const struct vkh_trial *t, uint32_t *n)
{
    const struct vkh_variant *variants = vkh_tier_variants(n);
    if (!t->layout.side)
        *n = 1;
    return variants;
}

static bool is_matrix(const struct vkh_contestant *k)
{
    return k->variant->needs & VKH_CAP_MATRIX16;
}

static enum vkh_status create_tier(const struct vkh_trial *trial, struct vkh_contestant *k)
{
    const struct vkh_attention_shape shape = vkh_trial_attention_shape(is_matrix(k));
    enum vkh_status status =
        is_matrix(k) ? vkh_matmul_matrix_create(trial->device, &trial->layout, trial->type, false,
                                                VKH_EPILOGUE_ROWS, NULL, &k->tiles)
                     : vkh_matmul_create(trial->device, trial->type, NULL, &k->matmul);
    if (status != VKH_OK)
        return status;
    return is_matrix(k) ? vkh_attention_matrix_create(trial->device, &trial->layout, &shape,
                                                      &k->attention_matrix)
                        : vkh_attention_create(trial->device, &shape, NULL, &k->attention);
}

static void record_tier(const struct vkh_trial *trial, const struct vkh_contestant *k, uint32_t n)
{
    if (is_matrix(k)) {
        vkh_trial_matmul_matrix(trial, &k->tiles, n);
        vkh_trial_attention_matrix(trial, &k->attention_matrix, n);
    } else {
        vkh_trial_matmul(trial, &k->matmul, n);
        vkh_trial_attention(trial, &k->attention, n);
    }
}

static const struct vkh_variant *matmul_variants(const struct vkh_trial *trial, uint32_t *n)
{
    return vkh_matmul_variants(trial->type, n);
}

static enum vkh_status create_matmul(const struct vkh_trial *trial, struct vkh_contestant *k)
{
    return vkh_matmul_create(trial->device, trial->type, k->variant, &k->matmul);
}

static void record_matmul(const struct vkh_trial *trial, const struct vkh_contestant *k, uint32_t n)
{
    vkh_trial_matmul(trial, &k->matmul, n);
}

static const struct vkh_variant *attention_variants(const struct vkh_trial *trial, uint32_t *n)
{
    (void)trial;
    return vkh_attention_variants(n);
}

static enum vkh_status create_attention(const struct vkh_trial *trial, struct vkh_contestant *k)
{
    const struct vkh_attention_shape shape = vkh_trial_attention_shape(false);
    return vkh_attention_create(trial->device, &shape, k->variant, &k->attention);
}

static void record_attention(const struct vkh_trial *trial, const struct vkh_contestant *k,
                             uint32_t n)
{
    vkh_trial_attention(trial, &k->attention, n);
}

static const struct vkh_variant *head_variants(const struct vkh_trial *trial, uint32_t *n)
{
    return vkh_head_nll_variants(trial->type, n);
}

static enum vkh_status create_head(const struct vkh_trial *trial, struct vkh_contestant *k)
{
    return vkh_head_nll_create(trial->device, trial->type, k->variant, &k->head);
}

static void record_head(const struct vkh_trial *trial, const struct vkh_contestant *k, uint32_t n)
{
    vkh_trial_head(trial, &k->head, n);
}

const struct vkh_event vkh_events[VKH_N_EVENTS] = {
    [VKH_EVENT_TILE] = {"tile", false, 0.97, tile_variants, create_tile, record_tile},
    [VKH_EVENT_MATMUL] = {"matmul", true, 0.9, matmul_variants, create_matmul, record_matmul},
    [VKH_EVENT_ATTENTION] = {"attention", false, 0.9, attention_variants, create_attention,
                             record_attention},
    [VKH_EVENT_HEAD] = {"head", true, 0.9, head_variants, create_head, record_head},
    [VKH_EVENT_TIER] = {"tier", true, 0.9, tier_variants, create_tier, record_tier},
};
