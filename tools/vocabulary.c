// SPDX-License-Identifier: MIT
#include "vocabulary.h"

#include <string.h>
#include <vkhrope/tokenizer.h>

static enum vkh_status compare(const struct tool *tool, const struct ppl_args *args,
                               const struct vkh_tokenizer *a, const struct vkh_tokenizer *b)
{
    enum { MOST_SHOWN = 40 };
    for (int32_t id = 0;; id++) {
        uint64_t n, m;
        const char *one = vkh_tokenizer_bytes(a, id, &n), *other = vkh_tokenizer_bytes(b, id, &m);
        if (!one || !other)
            return VKH_OK;
        if (n == m && memcmp(one, other, n) == 0)
            continue;
        tool_message(tool, "--kl-model: token %d is \"%.*s\" in %s, but \"%.*s\" in %s", id,
                     (int)(m < MOST_SHOWN ? m : MOST_SHOWN), other, args->kl_model,
                     (int)(n < MOST_SHOWN ? n : MOST_SHOWN), one, args->model);
        return VKH_ERR_ARGUMENT;
    }
}

enum vkh_status vocabulary_check(struct tool *tool, const struct ppl_args *args,
                                 const struct vkh_model_info *model,
                                 const struct vkh_model_info *other)
{
    const struct vkh_log log = tool_log(tool);
    struct vkh_tokenizer *a = NULL, *b = NULL;
    if (model->vocab != other->vocab) {
        tool_message(tool, "--kl-model: %s has a vocabulary of %u ids, %s one of %u",
                     args->kl_model, other->vocab, args->model, model->vocab);
        return VKH_ERR_ARGUMENT;
    }
    if (!args->texts.n)
        return VKH_OK;
    enum vkh_status status = vkh_tokenizer_open(args->model, &log, &a);
    if (status == VKH_OK)
        status = vkh_tokenizer_open(args->kl_model, &log, &b);
    if (status == VKH_OK)
        status = compare(tool, args, a, b);
    vkh_tokenizer_close(&a);
    vkh_tokenizer_close(&b);
    return status;
}
