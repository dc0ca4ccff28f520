// SPDX-License-Identifier: MIT
// What options must hold.
#ifndef VKH_EVAL_CHECK_H
#define VKH_EVAL_CHECK_H

#include <vkhrope/perplexity.h>

// VKH_ERR_ARGUMENT with a line that names the option and its value.
enum vkh_status vkh_eval_check(const struct vkh_ppl_options *options, uint32_t vocab,
                               const struct vkh_log *log);

#endif
