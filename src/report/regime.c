// SPDX-License-Identifier: MIT
#include "report/regime.h"

#include "report/text.h"

const char *vkh_regime_name(const struct vkh_ppl_regime *regime, struct vkh_arena *arena)
{
    switch (regime->kind) {
    case VKH_REGIME_WINDOW:
        return vkh_text_printf(arena, "window=%u stride=%u", regime->window, regime->stride);
    case VKH_REGIME_CHUNKED:
        return vkh_text_printf(arena, "chunked=%u", regime->window);
    case VKH_REGIME_PREFIX:
        break;
    }
    return "prefix";
}

const char *vkh_regime_text(const struct vkh_ppl_regime *regime, struct vkh_arena *arena)
{
    const uint32_t window = regime->window;
    const char *bos = "";
    switch (regime->kind) {
    case VKH_REGIME_WINDOW:
        return vkh_text_printf(arena,
                               "sliding windows of %u tokens, %u apart, each from position 0 and "
                               "without BOS of its own; every token scored once, with %u to %u "
                               "tokens before it past the first window; PPL = exp(mean NLL of "
                               "tokens 1 … n-1)",
                               window, regime->stride, window - regime->stride, window - 1);
    case VKH_REGIME_CHUNKED:
        if (regime->has_bos)
            bos = vkh_text_printf(arena, ", BOS (%d) in place of its first token", regime->bos);
        return bos ? vkh_text_printf(arena,
                                     "disjoint windows of %u tokens, each from position 0%s; PPL = "
                                     "exp(mean NLL of each window's tokens %u … %u)",
                                     window, bos, window / 2 + 1, window - 1)
                   : NULL;
    case VKH_REGIME_PREFIX:
        break;
    }
    return "one pass from position 0, BOS where the ids have it, PPL = exp(mean NLL of tokens 1 … "
           "n-1)";
}
