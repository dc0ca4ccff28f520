// SPDX-License-Identifier: MIT
// The windows that a regime cuts a text into.
#ifndef VKH_EVAL_REGIME_H
#define VKH_EVAL_REGIME_H

#include <stdint.h>
#include <vkhrope/perplexity.h>

struct vkh_window {
    uint32_t origin;      // in the text
    uint32_t n_tokens;    // from there
    uint32_t scored_from; // in the window
};

// Over a text's first n tokens, n as vkh_eval_check wants it.
uint32_t vkh_regime_windows(const struct vkh_ppl_regime *regime, uint32_t n);
struct vkh_window vkh_regime_window(const struct vkh_ppl_regime *regime, uint32_t index,
                                    uint32_t n);

#endif
