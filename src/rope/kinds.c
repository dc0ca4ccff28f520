// SPDX-License-Identifier: MIT
#include "base/size.h"
#include "rope/method.h"

// p <= L stays; beyond, steps shrink to 1/cf: continuous at L.
static double hybrid_position(const double *values, const struct vkh_rope_setting *setting,
                              double p)
{
    const double known = setting->original_max_len;
    return p <= known ? p : known + (p - known) / values[0];
}

// Position interpolation.
static double linear_frequencies(const double *values, const struct vkh_rope_setting *setting,
                                 double *theta)
{
    for (uint32_t i = 0; i < setting->dims / 2; i++)
        theta[i] /= values[0];
    return 1.0;
}

static const struct vkh_method_kind kinds[] = {
    {.name = "baseline"},
    {
        .name = "hybrid",
        .params = {{"cf", 1.0}},
        .position = hybrid_position,
    },
    {
        .name = "linear",
        .params = {{"factor", 1.0}},
        .frequencies = linear_frequencies,
    },
};
_Static_assert(VKH_COUNTOF(kinds) <= VKH_METHOD_TERMS, "a method may hold every kind once");

const struct vkh_method_kind *vkh_method_kinds(size_t *n)
{
    *n = VKH_COUNTOF(kinds);
    return kinds;
}
