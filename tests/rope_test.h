// SPDX-License-Identifier: MIT
// Methods applied to models made up for tests.
#ifndef VKH_TESTS_ROPE_TEST_H
#define VKH_TESTS_ROPE_TEST_H

#include <string.h>

#include "check.h"
#include "rope/schedule.h"

static char last_line[1024];

static inline void keep_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static const struct vkh_log log_to_line = {keep_line, NULL, VKH_LOG_ERROR};

static const float short_list[32] = {[0 ... 31] = 1.5f}, long_list[32] = {[0 ... 31] = 3.0f};

// A schedule of a model with 64 rotary dimensions and, unless it is NULL, its own scaling.
static inline struct vkh_schedule schedule_at(struct vkh_arena *arena, const char *spec,
                                              uint32_t known, const float *factors, const char *own,
                                              uint64_t length)
{
    static struct vkh_method own_method;
    const struct vkh_rope_setting setting = {
        .base = 500000.0,
        .dims = 64,
        .original_max_len = known,
        .length = length,
        .factors = factors,
        .short_factors = short_list,
        .long_factors = long_list,
        .own = own ? &own_method : NULL,
    };
    struct vkh_method method;
    struct vkh_schedule schedule = {0};
    CHECK(!own || vkh_method_parse(own, NULL, &own_method) == VKH_OK);
    CHECK(vkh_method_parse(spec, NULL, &method) == VKH_OK);
    CHECK(vkh_schedule_init(&method, &setting, arena, NULL, &schedule) == VKH_OK);
    return schedule;
}

static inline struct vkh_schedule schedule_of(struct vkh_arena *arena, const char *spec,
                                              uint32_t known, const float *factors)
{
    return schedule_at(arena, spec, known, factors, factors ? "rope-freqs" : NULL, 1 << 20);
}

#endif
