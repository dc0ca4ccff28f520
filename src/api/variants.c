// SPDX-License-Identifier: MIT
#include <vkhrope/perplexity.h>

#include <string.h>

#include "gpu/choices.h"
#include "graph/tier.h"
#include "graph/tune.h"
#include "kernels/attention.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"
#include "kernels/rmsnorm.h"

static const char TYPE[] = "F16";

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
                                 const char *type, const struct vkh_variant *variants, uint32_t n,
                                 visit_fn *visit, void *user)
{
    const struct vkh_variant *chosen;
    const enum vkh_status status =
        vkh_variant_choose(device, operation, type, variants, n, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, operation, &variants[i], vkh_variant_supported(device, &variants[i]),
                  &variants[i] == chosen, visit, user);
    return status;
}

// Tiers, operands, what unpacks and tiles depend on how the device lays out its matrices: without a
// layout that kernels can use, the first tier is all there is.
static enum vkh_status visit_tiers(const struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, visit_fn *visit,
                                   void *user)
{
    uint32_t n;
    const struct vkh_variant *tiers = vkh_tier_variants(&n), *chosen;
    const enum vkh_status status = vkh_tier_choose(device, VKH_F16, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, "tier", &tiers[i],
                  vkh_variant_supported(device, &tiers[i]) && (i == 0 || layout->side),
                  layout->side ? &tiers[i] == chosen : i == 0, visit, user);
    return status;
}

static enum vkh_status visit_operands(const struct vkh_device *device,
                                      struct vkh_matrix_layout *layout, visit_fn *visit, void *user)
{
    uint32_t n;
    const struct vkh_variant *operands = vkh_operands_variants(&n);
    const enum vkh_status status = layout->side ? vkh_operands_choose(device, layout) : VKH_OK;
    for (uint32_t i = 0; i < n && status == VKH_OK; i++) {
        const bool bf16 = operands[i].needs & VKH_CAP_MATRIX_BF16;
        visit_one(device, "operands", &operands[i], layout->side && (!bf16 || layout->has_bf16),
                  layout->side && bf16 == layout->bf16, visit, user);
    }
    return status;
}

static enum vkh_status visit_unpacks(const struct vkh_device *device,
                                     struct vkh_matrix_layout *layout, visit_fn *visit, void *user)
{
    uint32_t n;
    const struct vkh_variant *unpacks = vkh_unpack_variants(&n);
    const enum vkh_status status = layout->side ? vkh_unpack_choose(device, layout) : VKH_OK;
    for (uint32_t i = 0; i < n && status == VKH_OK; i++) {
        const bool decodes = strcmp(unpacks[i].name, "product") == 0;
        visit_one(device, "unpack", &unpacks[i],
                  layout->side && (!decodes || vkh_unpack_decodes(device, layout)),
                  layout->side && decodes == layout->decodes, visit, user);
    }
    return status;
}

static enum vkh_status visit_tiles(struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, visit_fn *visit,
                                   void *user)
{
    uint32_t n;
    const struct vkh_variant *tiles = vkh_matmul_matrix_variants(layout, VKH_F16, &n);
    const struct vkh_variant *chosen = NULL;
    enum vkh_status status = VKH_OK;
    const uint32_t fitting = vkh_matmul_matrix_fitting(device, layout, VKH_F16);
    if (fitting > 0)
        status = vkh_variant_choose(device, "tile", NULL, tiles, fitting, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit_one(device, "tile", &tiles[i], i < fitting, &tiles[i] == chosen, visit, user);
    return status;
}

enum vkh_status vkh_ppl_variants(struct vkh_device *device, visit_fn *visit, void *user)
{
    enum { N = 4 };
    uint32_t n[N];
    const struct {
        const char *operation, *type;
        const struct vkh_variant *variants;
    } tables[N] = {
        {"rmsnorm", NULL, vkh_rmsnorm_variants(&n[0])},
        {"matmul", TYPE, vkh_matmul_variants(VKH_F16, &n[1])},
        {"attention", NULL, vkh_attention_variants(&n[2])},
        {"head", TYPE, vkh_head_nll_variants(VKH_F16, &n[3])},
    };
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < N && status == VKH_OK; i++)
        status = visit_all(device, tables[i].operation, tables[i].type, tables[i].variants, n[i],
                           visit, user);
    struct vkh_matrix_layout layout;
    if (status == VKH_OK)
        status = vkh_matrix_layout(device, &layout);
    if (status == VKH_OK)
        status = visit_tiers(device, &layout, visit, user);
    if (status == VKH_OK)
        status = visit_operands(device, &layout, visit, user);
    if (status == VKH_OK)
        status = visit_unpacks(device, &layout, visit, user);
    if (status == VKH_OK)
        status = visit_tiles(device, &layout, visit, user);
    return status;
}

void vkh_ppl_measured(const struct vkh_device *device,
                      void (*visit)(void *user, const char *operation, const char *type,
                                    const char *variant, double seconds, bool chosen),
                      void *user)
{
    struct vkh_choice choice;
    for (uint32_t i = 0; vkh_choice_at(device, i, &choice); i++)
        for (uint32_t j = 0; j < choice.n; j++)
            visit(user, choice.operation, choice.type, choice.variants[j].name,
                  choice.variants[j].seconds, j == choice.chosen);
}

const char *vkh_ppl_measured_file(const struct vkh_device *device)
{
    return vkh_choices_path(device);
}

static bool was_measured(const struct vkh_device *device, const char *type)
{
    struct vkh_choice choice;
    for (uint32_t i = 0; vkh_choice_at(device, i, &choice); i++)
        if (strcmp(choice.type, type) == 0)
            return true;
    return false;
}

enum vkh_status vkh_ppl_measure(struct vkh_device *device)
{
    enum vkh_status status = VKH_OK;
    for (int i = 0; i < VKH_N_DTYPES && status == VKH_OK; i++) {
        const enum vkh_dtype type = (enum vkh_dtype)i;
        if (type == VKH_F16 || was_measured(device, vkh_dtype_info(type)->name))
            status = vkh_tune_again(device, type);
    }
    return status;
}
