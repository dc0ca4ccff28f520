// SPDX-License-Identifier: MIT
#include "rope/kinds.h"

#include <math.h>

#include "base/size.h"

#define FACTOR(said)                                                                               \
    {                                                                                              \
        .name = "factor", .required = true, .least = 1, .about = said                              \
    }
#define ORIGINAL                                                                                   \
    {                                                                                              \
        .name = "original", .usual = (double)NAN, .least = 1,                                      \
        .about = "the length L; default: original_max_len"                                         \
    }
#define ATTENTION_FACTOR(said)                                                                     \
    {                                                                                              \
        .name = "attention_factor", .usual = (double)NAN, .above = true, .about = said             \
    }

// A row is all that a method needs: the parser, the list of methods and the tests read it here.
static const struct vkh_method_kind kinds[] = {
    {
        .name = "baseline",
        .about = "the model as it is, its own scaling included",
        .example = "baseline",
    },
    {
        .name = "own",
        .about = "the model's own scaling of its frequencies, before or after other schedules",
        .example = "own",
        .is_own = true,
    },
    {
        .name = "plain",
        .about = "no scaling of the frequencies, whatever the model says",
        .example = "plain",
        .frequencies = vkh_plain_frequencies,
    },
    {
        .name = "rope-freqs",
        .about = "each frequency divided by the model's own factor (rope_freqs.weight)",
        .example = "rope-freqs",
        .frequencies = vkh_rope_freqs_frequencies,
    },
    {
        .name = "hybrid",
        .about = "positions beyond original_max_len advance by 1/cf a token",
        .params = {[VKH_HYBRID_CF] = {.name = "cf",
                                      .required = true,
                                      .above = true,
                                      .about = "compression; below 1 it stretches"}},
        .example = "hybrid:cf=1.5",
        .position = vkh_hybrid_position,
    },
    {
        .name = "grouped",
        .about = "positions beyond a window advance by 1 every `group` tokens, as self-extend's "
                 "distant ones do",
        .params = {[VKH_GROUPED_GROUP] = {.name = "group",
                                          .required = true,
                                          .least = 1,
                                          .about = "tokens that share a position"},
                   [VKH_GROUPED_WINDOW] = {.name = "window",
                                           .usual = (double)NAN,
                                           .about = "leading positions that stay; default: "
                                                    "original_max_len"}},
        .example = "grouped:group=4",
        .position = vkh_grouped_position,
    },
    {
        .name = "linear",
        .about = "position interpolation: every frequency divided by the factor",
        .params = {[VKH_LINEAR_FACTOR] = FACTOR("what frequencies are divided by")},
        .example = "linear:factor=4",
        .frequencies = vkh_linear_frequencies,
    },
    {
        .name = "ntk",
        .about = "NTK-aware: the base multiplied by factor^(d/(d-2))",
        .params = {[VKH_NTK_FACTOR] = FACTOR("how far the lowest frequency is interpolated")},
        .example = "ntk:factor=4",
        .frequencies = vkh_ntk_frequencies,
    },
    {
        .name = "dynamic-ntk",
        .about = "NTK-aware with a factor that grows with the length: factor n/L - (factor - 1)",
        .params = {[VKH_NTK_FACTOR] = FACTOR("growth; 1 follows the length"),
                   [VKH_DYNAMIC_ORIGINAL] = ORIGINAL},
        .example = "dynamic-ntk:factor=2",
        .frequencies = vkh_dynamic_ntk_frequencies,
        .varies = "its base grows with the length",
    },
    {
        .name = "yarn",
        .about = "interpolation of slow frequencies only, and sharper attention",
        .params = {[VKH_YARN_FACTOR] = FACTOR("what slow frequencies are divided by"),
                   [VKH_YARN_BETA_FAST] = {.name = "beta_fast",
                                           .usual = 32,
                                           .above = true,
                                           .about = "turns within L from which a frequency stays"},
                   [VKH_YARN_BETA_SLOW] = {.name = "beta_slow",
                                           .usual = 1,
                                           .above = true,
                                           .about = "turns within L down to which it is divided"},
                   [VKH_YARN_TRUNCATE] = {.name = "truncate",
                                          .usual = 1,
                                          .most = 1,
                                          .about = "1 rounds the ends of the ramp, 0 does not"},
                   [VKH_YARN_MSCALE] = {.name = "mscale",
                                        .usual = (double)NAN,
                                        .above = true,
                                        .about = "with mscale_all_dim: another attention factor"},
                   [VKH_YARN_MSCALE_ALL_DIM] = {.name = "mscale_all_dim",
                                                .usual = (double)NAN,
                                                .above = true,
                                                .about = "see mscale"},
                   [VKH_YARN_ATTENTION_FACTOR] =
                       ATTENTION_FACTOR("multiplies cos and sin; default: 0.1 ln factor + 1"),
                   [VKH_YARN_ORIGINAL] = ORIGINAL},
        .example = "yarn:factor=4",
        .check = vkh_yarn_check,
        .frequencies = vkh_yarn_frequencies,
    },
    {
        .name = "longrope",
        .about = "each frequency divided by a factor of a list, one list up to L and one beyond",
        .params = {[VKH_LONGROPE_FACTOR] = {.name = "factor",
                                            .usual = (double)NAN,
                                            .least = 1,
                                            .about = "extension, for the attention factor"},
                   [VKH_LONGROPE_ATTENTION_FACTOR] = ATTENTION_FACTOR(
                       "multiplies cos and sin; default: sqrt(1 + ln factor / ln L)"),
                   [VKH_LONGROPE_ORIGINAL] = ORIGINAL,
                   [VKH_LONGROPE_FILE] = {.name = "file",
                                          .is_path = true,
                                          .about = "JSON with short_factor and long_factor, such "
                                                   "as a config.json; default: the model's"}},
        .example = "longrope:factor=4",
        .check = vkh_longrope_check,
        .frequencies = vkh_longrope_frequencies,
        .varies = "its list of factors changes beyond the original length",
    },
    {
        .name = "llama3",
        .about = "interpolation of slow frequencies only, as Llama 3.1 does",
        .params = {[VKH_LLAMA3_FACTOR] = FACTOR("what slow frequencies are divided by"),
                   [VKH_LLAMA3_LOW] = {.name = "low_freq_factor",
                                       .usual = 1,
                                       .above = true,
                                       .about = "turns within L up to which it is divided"},
                   [VKH_LLAMA3_HIGH] = {.name = "high_freq_factor",
                                        .usual = 4,
                                        .above = true,
                                        .about = "turns within L from which a frequency stays"},
                   [VKH_LLAMA3_ORIGINAL] = ORIGINAL},
        .example = "llama3:factor=8",
        .check = vkh_llama3_check,
        .frequencies = vkh_llama3_frequencies,
    },
    {
        .name = "proportional",
        .about = "only the fastest frequencies turn",
        .params = {[VKH_PROPORTIONAL_PROPORTION] = {.name = "proportion",
                                                    .required = true,
                                                    .above = true,
                                                    .most = 1,
                                                    .about = "share of the frequencies that turn"},
                   [VKH_PROPORTIONAL_FACTOR] = {.name = "factor",
                                                .usual = 1,
                                                .least = 1,
                                                .about = "what those are divided by"}},
        .example = "proportional:proportion=0.5",
        .frequencies = vkh_proportional_frequencies,
    },
};
// A method may hold every kind once, and each of them once more for the model's own.
_Static_assert(2 * VKH_COUNTOF(kinds) <= VKH_METHOD_TERMS, "room for terms");

const struct vkh_method_kind *vkh_method_kinds(size_t *n)
{
    *n = VKH_COUNTOF(kinds);
    return kinds;
}
