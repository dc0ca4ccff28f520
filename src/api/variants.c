// SPDX-License-Identifier: MIT
#include <vkhrope/perplexity.h>

#include "graph/tier.h"
#include "kernels/attention.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"
#include "kernels/rmsnorm.h"

typedef void visit_fn(void *user, const char *operation, const char *variant, bool supported,
                      bool chosen, uint32_t missing_caps);

static void visit_one(const struct vkh_device *device, const char *operation,
                      const struct vkh_variant *variant, bool supported, bool chosen,
                      visit_fn *visit, void *user)
{
    visit(user, operation, variant->name, supported, chosen,
          variant->needs & ~vkh_device_caps(device)->bits);
}

static enum vkh_status visit_all(const struct vkh_device *device, const char *operation,
                                 const struct vkh_variant *variants, uint32_t n, visit_fn *visit,
                                 void *user)
{
    const struct vkh_variant *chosen;
    const enum vkh_status status = vkh_variant_choose(device, operation, variants, n, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, operation, &variants[i], vkh_variant_supported(device, &variants[i]),
                  &variants[i] == chosen, visit, user);
    return status;
}

static enum vkh_status visit_tiers(const struct vkh_device *device, visit_fn *visit, void *user)
{
    uint32_t n;
    const struct vkh_variant *tiers = vkh_tier_variants(&n), *chosen;
    const enum vkh_status status = vkh_tier_choose(device, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, "tier", &tiers[i], vkh_variant_supported(device, &tiers[i]),
                  &tiers[i] == chosen, visit, user);
    return status;
}

// Tiles depend on how the device lays out its matrices.
static enum vkh_status visit_tiles(struct vkh_device *device, visit_fn *visit, void *user)
{
    uint32_t n, fitting = 0;
    const struct vkh_variant *tiles = vkh_matmul_matrix_variants(VKH_F16, &n), *chosen = NULL;
    struct vkh_matrix_layout layout;
    enum vkh_status status = vkh_matrix_layout(device, &layout);
    if (status != VKH_OK)
        return status;
    while (fitting < n && vkh_matmul_matrix_supported(device, &layout, &tiles[fitting]))
        fitting++;
    if (fitting > 0)
        status = vkh_variant_choose(device, "tile", tiles, fitting, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, "tile", &tiles[i], i < fitting, &tiles[i] == chosen, visit, user);
    return status;
}

enum vkh_status vkh_ppl_variants(struct vkh_device *device, visit_fn *visit, void *user)
{
    enum { N = 4 };
    uint32_t n[N];
    const struct {
        const char *operation;
        const struct vkh_variant *variants;
    } tables[N] = {
        {"rmsnorm", vkh_rmsnorm_variants(&n[0])},
        {"matmul", vkh_matmul_variants(VKH_F16, &n[1])},
        {"attention", vkh_attention_variants(&n[2])},
        {"head", vkh_head_nll_variants(VKH_F16, &n[3])},
    };
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < N && status == VKH_OK; i++)
        status = visit_all(device, tables[i].operation, tables[i].variants, n[i], visit, user);
    if (status == VKH_OK)
        status = visit_tiers(device, visit, user);
    if (status == VKH_OK)
        status = visit_tiles(device, visit, user);
    return status;
}
