// SPDX-License-Identifier: MIT
#include <vkhrope/perplexity.h>

#include "kernels/attention.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/rmsnorm.h"

typedef void visit_fn(void *user, const char *operation, const char *variant, bool supported,
                      bool chosen, uint32_t missing_caps);

static enum vkh_status visit_all(const struct vkh_device *device, const char *operation,
                                 const struct vkh_variant *variants, uint32_t n, visit_fn *visit,
                                 void *user)
{
    const struct vkh_variant *chosen;
    const enum vkh_status status = vkh_variant_choose(device, operation, variants, n, &chosen);
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        visit(user, operation, variants[i].name, vkh_variant_supported(device, &variants[i]),
              &variants[i] == chosen, variants[i].needs & ~vkh_device_caps(device)->bits);
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
    return status;
}
