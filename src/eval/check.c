// SPDX-License-Identifier: MIT
#include "eval/check.h"

#include <stdio.h>

#include "base/log.h"
#include "base/size.h"

enum { MAX_LENGTH = 1 << 24 };

static enum vkh_status check_regime(const struct vkh_ppl_regime *regime, uint32_t vocab,
                                    const struct vkh_log *log)
{
    const uint32_t least = regime->kind == VKH_REGIME_CHUNKED ? 4 : 2;
    if (regime->has_bos && regime->kind != VKH_REGIME_CHUNKED)
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "regime: has_bos: BOS takes a token's place in the chunked regime only");
    if (regime->kind == VKH_REGIME_PREFIX)
        return VKH_OK;
    if (regime->window < least || regime->window > MAX_LENGTH)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "window %u: %u to %d tokens", regime->window, least,
                        MAX_LENGTH);
    if (regime->kind == VKH_REGIME_WINDOW &&
        (regime->stride < 1 || regime->stride >= regime->window))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "stride %u: 1 token or more, and fewer than the window's %u",
                        regime->stride, regime->window);
    if (regime->has_bos && (regime->bos < 0 || (uint32_t)regime->bos >= vocab))
        return vkh_fail(log, VKH_ERR_ARGUMENT, "BOS %d is outside the model's vocabulary of %u",
                        regime->bos, vocab);
    return VKH_OK;
}

static enum vkh_status check_lengths(const struct vkh_eval *eval, const struct vkh_log *log)
{
    const struct vkh_ppl_options *options = eval->options;
    const struct vkh_ppl_regime *regime = &options->regime;
    uint64_t most = 0;
    for (uint32_t i = 0; i < eval->n_texts; i++)
        most = vkh_max_size(most, eval->texts[i].n_ids);
    if (options->n_lengths == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "lengths: none given");
    for (uint32_t i = 0; i < options->n_lengths; i++) {
        const uint32_t length = options->lengths[i];
        if (length < 2)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: a perplexity needs 2 tokens or more",
                            length);
        if (length > most)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: %s has only %llu tokens", length,
                            eval->n_texts > 1 ? "the longest text" : "the text",
                            (unsigned long long)most);
        if (length > MAX_LENGTH)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: at most %d tokens", length,
                            MAX_LENGTH);
        if (regime->kind == VKH_REGIME_CHUNKED && length < regime->window)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: less than a window of %u tokens",
                            length, regime->window);
    }
    return VKH_OK;
}

static enum vkh_status check_text(const struct vkh_eval *eval, uint32_t index, uint32_t vocab,
                                  const struct vkh_log *log)
{
    const struct vkh_ppl_text *text = &eval->texts[index];
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    char name[160] = "";
    if (eval->n_texts > 1)
        snprintf(name, sizeof(name), "text %u (%.120s): ", index, text->name ? text->name : "");
    const uint32_t least = regime->kind == VKH_REGIME_CHUNKED ? regime->window : 2;
    if (text->n_ids < least)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s%llu tokens; the regime needs %u", name,
                        (unsigned long long)text->n_ids, least);
    for (uint64_t i = 0; i < text->n_ids; i++)
        if (text->ids[i] < 0 || (uint32_t)text->ids[i] >= vocab)
            return vkh_fail(log, VKH_ERR_ARGUMENT,
                            "%stoken %llu: id %d is outside the model's vocabulary of %u", name,
                            (unsigned long long)i, text->ids[i], vocab);
    return VKH_OK;
}

enum vkh_status vkh_eval_check(const struct vkh_eval *eval, uint32_t vocab,
                               const struct vkh_log *log)
{
    enum vkh_status status = check_regime(&eval->options->regime, vocab, log);
    if (status == VKH_OK)
        status = check_lengths(eval, log);
    for (uint32_t i = 0; i < eval->n_texts && status == VKH_OK; i++)
        status = check_text(eval, i, vocab, log);
    if (status == VKH_OK && eval->options->n_methods + eval->options->n_sweeps == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "methods: none given");
    if (status == VKH_OK && eval->options->kl_model && !eval->options->kl)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "kl_model: kl, a method, is missing");
    return status;
}
