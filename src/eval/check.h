// SPDX-License-Identifier: MIT
// What options must hold.
#ifndef VKH_EVAL_CHECK_H
#define VKH_EVAL_CHECK_H

#include "eval/eval.h"

// VKH_ERR_ARGUMENT with a line that names the option and its value. The eval's options and texts
// are there.
enum vkh_status vkh_eval_check(const struct vkh_eval *eval, uint32_t vocab,
                               const struct vkh_log *log);

#endif
