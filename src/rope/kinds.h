// SPDX-License-Identifier: MIT
// What the rows of the registry point to. Formulas with theta_i = b^(-2i/d), i < d/2, the original
// length L and the sequence's length n.
#ifndef VKH_ROPE_KINDS_H
#define VKH_ROPE_KINDS_H

#include "rope/method.h"

#define VKH_SCHEDULE(name)                                                                         \
    enum vkh_status vkh_##name##_frequencies(const struct vkh_method_term *term,                   \
                                             const struct vkh_rope_setting *setting,               \
                                             struct vkh_turns *turns)
#define VKH_MAP(name)                                                                              \
    double vkh_##name##_position(const struct vkh_method_term *term,                               \
                                 const struct vkh_rope_setting *setting, double p)

// p <= L stays; beyond, L + (p - L) / cf.
enum { VKH_HYBRID_CF };
VKH_MAP(hybrid);

// p <= w stays; beyond, w + floor((p - w) / group). w is L unless it is given.
enum { VKH_GROUPED_GROUP, VKH_GROUPED_WINDOW };
VKH_MAP(grouped);

VKH_SCHEDULE(plain);      // theta
VKH_SCHEDULE(rope_freqs); // theta_i / factors[i]

enum { VKH_LINEAR_FACTOR };
VKH_SCHEDULE(linear); // theta / s

// b' = b * s^(d/(d-2)), and for the dynamic one b' = b * (s n/L - (s - 1))^(d/(d-2)), n at least L.
enum { VKH_NTK_FACTOR, VKH_DYNAMIC_ORIGINAL };
VKH_SCHEDULE(ntk);
VKH_SCHEDULE(dynamic_ntk);

// c(r) = d ln(L / (2 pi r)) / (2 ln b), lo = max(floor(c(beta_fast)), 0),
// hi = min(ceil(c(beta_slow)), d - 1), unrounded without `truncate`;
// ramp_i = clamp((i - lo) / (hi - lo), 0, 1), a width of 0 being 0.001;
// theta (1 - ramp) + theta / s ramp. Scale: attention_factor, or m(1) where m(x) = 0.1 x ln s + 1,
// or m(mscale) / m(mscale_all_dim) when those are given.
enum {
    VKH_YARN_FACTOR,
    VKH_YARN_BETA_FAST,
    VKH_YARN_BETA_SLOW,
    VKH_YARN_TRUNCATE,
    VKH_YARN_MSCALE,
    VKH_YARN_MSCALE_ALL_DIM,
    VKH_YARN_ATTENTION_FACTOR,
    VKH_YARN_ORIGINAL,
};
VKH_SCHEDULE(yarn);
const char *vkh_yarn_check(const struct vkh_method_term *term);

// With w = 2 pi / theta: theta where w < L / high, theta / s where w > L / low, and between them
// (1 - t) theta / s + t theta, t = (L / w - low) / (high - low).
enum { VKH_LLAMA3_FACTOR, VKH_LLAMA3_LOW, VKH_LLAMA3_HIGH, VKH_LLAMA3_ORIGINAL };
VKH_SCHEDULE(llama3);
const char *vkh_llama3_check(const struct vkh_method_term *term);

// theta_i / list[i]: the long list when n > L, else the short one. Scale: attention_factor, or
// sqrt(1 + ln s / ln L).
enum {
    VKH_LONGROPE_FACTOR,
    VKH_LONGROPE_ATTENTION_FACTOR,
    VKH_LONGROPE_ORIGINAL,
    VKH_LONGROPE_FILE,
};
VKH_SCHEDULE(longrope);
const char *vkh_longrope_check(const struct vkh_method_term *term);

// The first floor(proportion d/2) frequencies over s; the others are 0.
enum { VKH_PROPORTIONAL_PROPORTION, VKH_PROPORTIONAL_FACTOR };
VKH_SCHEDULE(proportional);

// The original length of a term: its own, or the setting's.
double vkh_term_original(const struct vkh_method_term *term, int param,
                         const struct vkh_rope_setting *setting);

#endif
