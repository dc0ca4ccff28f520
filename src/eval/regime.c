// SPDX-License-Identifier: MIT
#include "eval/regime.h"

#include "base/size.h"

// The first window that reaches token t.
static uint32_t window_of(const struct vkh_ppl_regime *regime, uint32_t t)
{
    switch (regime->kind) {
    case VKH_REGIME_WINDOW:
        return t < regime->window
                   ? 0
                   : (uint32_t)vkh_div_up((uint64_t)t + 1 - regime->window, regime->stride);
    case VKH_REGIME_CHUNKED:
        return t / regime->window;
    case VKH_REGIME_PREFIX:
        break;
    }
    return 0;
}

uint32_t vkh_regime_windows(const struct vkh_ppl_regime *regime, uint32_t n)
{
    return regime->kind == VKH_REGIME_CHUNKED ? n / regime->window : window_of(regime, n - 1) + 1;
}

struct vkh_window vkh_regime_window(const struct vkh_ppl_regime *regime, uint32_t index, uint32_t n)
{
    if (regime->kind == VKH_REGIME_PREFIX)
        return (struct vkh_window){0, n, 1};
    if (regime->kind == VKH_REGIME_CHUNKED)
        return (struct vkh_window){index * regime->window, regime->window, regime->window / 2 + 1};
    const uint32_t origin = index * regime->stride;
    return (struct vkh_window){
        .origin = origin,
        .n_tokens = (uint32_t)vkh_min_size(regime->window, n - origin),
        .scored_from = index == 0 ? 1 : regime->window - regime->stride,
    };
}

bool vkh_ppl_regime_scores(const struct vkh_ppl_regime *regime, uint32_t t, uint32_t n)
{
    if (t == 0 || t >= n)
        return false;
    if (regime->kind != VKH_REGIME_CHUNKED)
        return true;
    return t % regime->window > regime->window / 2 && t < n - n % regime->window;
}

uint32_t vkh_ppl_regime_context(const struct vkh_ppl_regime *regime, uint32_t t)
{
    const uint32_t index = window_of(regime, t);
    return t - index * (regime->kind == VKH_REGIME_WINDOW ? regime->stride : regime->window);
}
