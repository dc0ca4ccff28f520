// SPDX-License-Identifier: MIT
#include "rope/schedule.h"

#include <math.h>
#include <string.h>

#include "base/log.h"

enum vkh_status vkh_schedule_init(const struct vkh_method *method,
                                  const struct vkh_rope_setting *setting, struct vkh_arena *arena,
                                  const struct vkh_log *log, struct vkh_schedule *schedule)
{
    const uint32_t n = setting->dims / 2;
    double *theta = vkh_arena_alloc(arena, n, sizeof(*theta));
    if (!theta)
        return vkh_fail(log, VKH_ERR_MEMORY, "inverse frequencies: out of memory");
    for (uint32_t i = 0; i < n; i++) {
        theta[i] = pow(setting->base, -2.0 * i / setting->dims);
        if (setting->factors)
            theta[i] /= (double)setting->factors[i];
    }
    double *local = setting->local_base > 0 ? vkh_arena_alloc(arena, n, sizeof(*local)) : NULL;
    if (setting->local_base > 0 && !local)
        return vkh_fail(log, VKH_ERR_MEMORY, "inverse frequencies: out of memory");
    for (uint32_t i = 0; local && i < n; i++)
        local[i] = pow(setting->local_base, -2.0 * i / setting->dims);
    double scale = 1.0;
    for (uint32_t t = 0; t < method->n_terms; t++)
        if (method->terms[t].kind->frequencies)
            scale *= method->terms[t].kind->frequencies(method->terms[t].values, setting, theta);
    *schedule = (struct vkh_schedule){
        .method = *method,
        .setting = *setting,
        .n_frequencies = n,
        .frequencies = theta,
        .attention_scale = scale,
        .local_frequencies = local,
    };
    return VKH_OK;
}

double vkh_schedule_position(const struct vkh_schedule *schedule, uint64_t token)
{
    const struct vkh_method *method = &schedule->method;
    double p = (double)token;
    for (uint32_t t = 0; t < method->n_terms; t++)
        if (method->terms[t].kind->position)
            p = method->terms[t].kind->position(method->terms[t].values, &schedule->setting, p);
    return p;
}

uint64_t vkh_schedule_common_prefix(const struct vkh_schedule *a, const struct vkh_schedule *b,
                                    uint64_t limit)
{
    if (a->n_frequencies != b->n_frequencies || a->attention_scale != b->attention_scale ||
        memcmp(a->frequencies, b->frequencies, a->n_frequencies * sizeof(*a->frequencies)) != 0)
        return 0;
    uint64_t n = 0;
    while (n < limit && vkh_schedule_position(a, n) == vkh_schedule_position(b, n))
        n++;
    return n;
}
