// SPDX-License-Identifier: MIT
#include <vkhrope/perplexity.h>

#include "kernels/attention.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"

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
    const enum vkh_dtype type = VKH_F16;
    uint32_t n;
    const struct vkh_variant *variants = vkh_matmul_variants(type, &n);
    enum vkh_status status = visit_all(device, "matmul", variants, n, visit, user);
    if (status != VKH_OK)
        return status;
    variants = vkh_attention_variants(&n);
    status = visit_all(device, "attention", variants, n, visit, user);
    if (status != VKH_OK)
        return status;
    variants = vkh_head_nll_variants(type, &n);
    return visit_all(device, "head", variants, n, visit, user);
}
