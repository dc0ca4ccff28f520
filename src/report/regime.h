// SPDX-License-Identifier: MIT
// How a regime is named. Each returns NULL when out of memory.
#ifndef VKH_REPORT_REGIME_H
#define VKH_REPORT_REGIME_H

#include <vkhrope/perplexity.h>

#include "base/arena.h"

// "prefix", "window=8192 stride=256", "chunked=512".
const char *vkh_regime_name(const struct vkh_ppl_regime *regime, struct vkh_arena *arena);

// What was scored given what, for people.
const char *vkh_regime_text(const struct vkh_ppl_regime *regime, struct vkh_arena *arena);

#endif
