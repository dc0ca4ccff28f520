// SPDX-License-Identifier: MIT
#include "eval/check.h"

#include "base/log.h"

enum { MAX_LENGTH = 1 << 24 };

static enum vkh_status check_lengths(const struct vkh_ppl_options *options,
                                     const struct vkh_log *log)
{
    if (options->n_lengths == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "lengths: none given");
    for (uint32_t i = 0; i < options->n_lengths; i++) {
        const uint32_t length = options->lengths[i];
        if (length < 2)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: a perplexity needs 2 tokens or more",
                            length);
        if (length > options->n_ids)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: the text has only %llu tokens",
                            length, (unsigned long long)options->n_ids);
        if (length > MAX_LENGTH)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "length %u: at most %d tokens", length,
                            MAX_LENGTH);
    }
    return VKH_OK;
}

enum vkh_status vkh_eval_check(const struct vkh_ppl_options *options, uint32_t vocab,
                               const struct vkh_log *log)
{
    const enum vkh_status status = check_lengths(options, log);
    if (status != VKH_OK)
        return status;
    for (uint64_t i = 0; i < options->n_ids; i++)
        if (options->ids[i] < 0 || (uint32_t)options->ids[i] >= vocab)
            return vkh_fail(log, VKH_ERR_ARGUMENT,
                            "token %llu: id %d is outside the model's vocabulary of %u",
                            (unsigned long long)i, options->ids[i], vocab);
    if (options->n_methods == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "methods: none given");
    return VKH_OK;
}
