// SPDX-License-Identifier: MIT
// Position maps and the schedules that need nothing but numbers.
#include <math.h>

#include "base/log.h"
#include "rope/kinds.h"

#define PI 3.14159265358979323846

double vkh_term_original(const struct vkh_method_term *term, int param,
                         const struct vkh_rope_setting *setting)
{
    return isnan(term->values[param]) ? setting->original_max_len : term->values[param];
}

VKH_MAP(hybrid)
{
    const double known = setting->original_max_len;
    return p <= known ? p : known + (p - known) / term->values[VKH_HYBRID_CF];
}

VKH_MAP(grouped)
{
    const double window = vkh_term_original(term, VKH_GROUPED_WINDOW, setting);
    return p <= window ? p : window + floor((p - window) / term->values[VKH_GROUPED_GROUP]);
}

VKH_SCHEDULE(plain)
{
    (void)term;
    (void)setting;
    (void)turns;
    return VKH_OK;
}

VKH_SCHEDULE(rope_freqs)
{
    (void)term;
    if (!setting->factors)
        return vkh_fail(turns->log, VKH_ERR_ARGUMENT,
                        "method rope-freqs: the model has no rope_freqs.weight");
    for (uint32_t i = 0; i < setting->dims / 2; i++)
        turns->theta[i] /= (double)setting->factors[i];
    return VKH_OK;
}

static void divide(const struct vkh_rope_setting *setting, struct vkh_turns *turns, double factor)
{
    for (uint32_t i = 0; i < setting->dims / 2; i++)
        turns->theta[i] /= factor;
}

VKH_SCHEDULE(linear)
{
    divide(setting, turns, term->values[VKH_LINEAR_FACTOR]);
    return VKH_OK;
}

// The base times growth^(d/(d-2)): theta_i times growth^(-2i/(d-2)).
static void grow_base(const struct vkh_rope_setting *setting, struct vkh_turns *turns,
                      double growth)
{
    for (uint32_t i = 1; i < setting->dims / 2; i++)
        turns->theta[i] *= pow(growth, -2.0 * i / (setting->dims - 2.0));
}

VKH_SCHEDULE(ntk)
{
    grow_base(setting, turns, term->values[VKH_NTK_FACTOR]);
    return VKH_OK;
}

VKH_SCHEDULE(dynamic_ntk)
{
    const double factor = term->values[VKH_NTK_FACTOR];
    const double original = vkh_term_original(term, VKH_DYNAMIC_ORIGINAL, setting);
    const double length = fmax((double)setting->length, original);
    grow_base(setting, turns, factor * length / original - (factor - 1.0));
    return VKH_OK;
}

const char *vkh_yarn_check(const struct vkh_method_term *term)
{
    const double *v = term->values;
    if (v[VKH_YARN_TRUNCATE] != 0 && v[VKH_YARN_TRUNCATE] != 1)
        return "truncate must be 0 or 1";
    if (v[VKH_YARN_BETA_FAST] < v[VKH_YARN_BETA_SLOW])
        return "beta_fast must not be below beta_slow";
    if (isnan(v[VKH_YARN_MSCALE]) != isnan(v[VKH_YARN_MSCALE_ALL_DIM]))
        return "mscale and mscale_all_dim must be given together";
    return NULL;
}

static double yarn_scale(const double *v)
{
    const double log_factor = log(v[VKH_YARN_FACTOR]);
    if (!isnan(v[VKH_YARN_ATTENTION_FACTOR]))
        return v[VKH_YARN_ATTENTION_FACTOR];
    if (isnan(v[VKH_YARN_MSCALE]))
        return 0.1 * log_factor + 1.0;
    return (0.1 * v[VKH_YARN_MSCALE] * log_factor + 1.0) /
           (0.1 * v[VKH_YARN_MSCALE_ALL_DIM] * log_factor + 1.0);
}

// The index, as a real number, of the frequency that turns `rotations` times within `original`.
static double yarn_index(const struct vkh_rope_setting *setting, double original, double rotations)
{
    return setting->dims * log(original / (rotations * 2.0 * PI)) / (2.0 * log(setting->base));
}

VKH_SCHEDULE(yarn)
{
    const double *v = term->values;
    const double original = vkh_term_original(term, VKH_YARN_ORIGINAL, setting);
    double low = yarn_index(setting, original, v[VKH_YARN_BETA_FAST]);
    double high = yarn_index(setting, original, v[VKH_YARN_BETA_SLOW]);
    if (v[VKH_YARN_TRUNCATE] != 0) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0.0);
    high = fmin(high, setting->dims - 1.0);
    const double width = high == low ? 0.001 : high - low;
    for (uint32_t i = 0; i < setting->dims / 2; i++) {
        const double ramp = fmin(fmax((i - low) / width, 0.0), 1.0);
        turns->theta[i] *= (1.0 - ramp) + ramp / v[VKH_YARN_FACTOR];
    }
    turns->scale *= yarn_scale(v);
    return VKH_OK;
}

const char *vkh_llama3_check(const struct vkh_method_term *term)
{
    return term->values[VKH_LLAMA3_HIGH] > term->values[VKH_LLAMA3_LOW]
               ? NULL
               : "high_freq_factor must exceed low_freq_factor";
}

VKH_SCHEDULE(llama3)
{
    const double *v = term->values;
    const double original = vkh_term_original(term, VKH_LLAMA3_ORIGINAL, setting);
    for (uint32_t i = 0; i < setting->dims / 2; i++) {
        const double rotations = original * turns->theta[i] / (2.0 * PI);
        const double t = (rotations - v[VKH_LLAMA3_LOW]) / (v[VKH_LLAMA3_HIGH] - v[VKH_LLAMA3_LOW]);
        const double kept = fmin(fmax(t, 0.0), 1.0);
        turns->theta[i] *= (1.0 - kept) / v[VKH_LLAMA3_FACTOR] + kept;
    }
    return VKH_OK;
}

VKH_SCHEDULE(proportional)
{
    const uint32_t pairs = setting->dims / 2;
    const double turning = floor(term->values[VKH_PROPORTIONAL_PROPORTION] * setting->dims / 2.0);
    for (uint32_t i = 0; i < pairs; i++)
        if (i >= turning)
            turns->theta[i] = 0.0;
    divide(setting, turns, term->values[VKH_PROPORTIONAL_FACTOR]);
    return VKH_OK;
}
