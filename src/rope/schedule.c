// SPDX-License-Identifier: MIT
#include "rope/schedule.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "rope/fixed.h"

// base^(-2i/d), [d/2].
static double *plain_frequencies(double base, uint32_t dims, struct vkh_arena *arena)
{
    double *theta = vkh_arena_alloc(arena, dims / 2, sizeof(*theta));
    for (uint32_t i = 0; theta && i < dims / 2; i++)
        theta[i] = pow(base, -2.0 * i / dims);
    return theta;
}

enum vkh_status vkh_schedule_init(const struct vkh_method *method,
                                  const struct vkh_rope_setting *setting, struct vkh_arena *arena,
                                  const struct vkh_log *log, struct vkh_schedule *schedule)
{
    const bool has_local = setting->local_base > 0;
    double *theta = plain_frequencies(setting->base, setting->dims, arena);
    const double *local =
        has_local ? plain_frequencies(setting->local_base, setting->dims, arena) : NULL;
    struct vkh_turns turns = {theta, 1.0, arena, log};
    *schedule = (struct vkh_schedule){.setting = *setting, .n_frequencies = setting->dims / 2};
    if (!theta || has_local != (local != NULL))
        return vkh_fail(log, VKH_ERR_MEMORY, "inverse frequencies: out of memory");
    vkh_method_resolve(method, setting->own, &schedule->method);
    schedule->setting.own = NULL; // it may go now
    schedule->is_own = !vkh_method_has_schedule(method);
    enum vkh_status status = VKH_OK;
    for (uint32_t t = 0; t < schedule->method.n_terms && status == VKH_OK; t++) {
        const struct vkh_method_term *term = &schedule->method.terms[t];
        if (term->kind->frequencies)
            status = term->kind->frequencies(term, setting, &turns);
    }
    schedule->frequencies = theta;
    schedule->local_frequencies = local;
    schedule->attention_scale = turns.scale;
    return status;
}

enum vkh_status vkh_schedule_check(const struct vkh_schedule *schedule, const char *name,
                                   uint64_t n_tokens, const struct vkh_log *log)
{
    const enum vkh_status status = schedule->is_own ? VKH_ERR_UNSUPPORTED : VKH_ERR_ARGUMENT;
    const char *own = schedule->is_own ? ", with the model's own scaling" : "";
    uint64_t fixed;
    // Local ones are powers of a base above 1: at most 1.
    for (uint32_t i = 0; i < schedule->n_frequencies; i++)
        if (!vkh_fixed_frequency(schedule->frequencies[i], &fixed))
            return vkh_fail(log, status,
                            "method %s%s: inverse frequency %u is %g, not in [0, 2048)", name, own,
                            i, schedule->frequencies[i]);
    if (!(schedule->attention_scale > 0 && schedule->attention_scale < 1e6))
        return vkh_fail(log, status,
                        "method %s%s: cos and sin multiplied by %g, not between 0 and 10^6", name,
                        own, schedule->attention_scale);
    // Positions never decrease.
    const double last = vkh_schedule_position(schedule, n_tokens - 1);
    if (!vkh_fixed_position(last, &fixed))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "method %s: token %llu at position %g, not in [0, 2^32)", name,
                        (unsigned long long)n_tokens - 1, last);
    return VKH_OK;
}

double vkh_schedule_position(const struct vkh_schedule *schedule, uint64_t token)
{
    double p = (double)token;
    for (uint32_t t = 0; t < schedule->method.n_terms; t++) {
        const struct vkh_method_term *term = &schedule->method.terms[t];
        if (term->kind->position)
            p = term->kind->position(term, &schedule->setting, p);
    }
    return p;
}

bool vkh_schedule_same_turns(const struct vkh_schedule *a, const struct vkh_schedule *b)
{
    return a->n_frequencies == b->n_frequencies && a->attention_scale == b->attention_scale &&
           memcmp(a->frequencies, b->frequencies, a->n_frequencies * sizeof(*a->frequencies)) == 0;
}

uint64_t vkh_schedule_common_prefix(const struct vkh_schedule *a, const struct vkh_schedule *b,
                                    uint64_t limit)
{
    if (!vkh_schedule_same_turns(a, b))
        return 0;
    uint64_t n = 0;
    while (n < limit && vkh_schedule_position(a, n) == vkh_schedule_position(b, n))
        n++;
    return n;
}
