// SPDX-License-Identifier: MIT
#include <vkhrope/perplexity.h>

#include "rope/method.h"

void vkh_ppl_methods(void (*visit)(void *user, const char *usage, const char *about),
                     void (*visit_key)(void *user, const char *key, const char *about), void *user)
{
    size_t n;
    const struct vkh_method_kind *kinds = vkh_method_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        char usage[512];
        vkh_method_usage(&kinds[i], usage, sizeof(usage));
        visit(user, usage, kinds[i].about);
        for (int p = 0; p < VKH_TERM_PARAMS && kinds[i].params[p].name; p++)
            visit_key(user, kinds[i].params[p].name, kinds[i].params[p].about);
    }
}
