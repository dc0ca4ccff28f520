// SPDX-License-Identifier: MIT
// Whether two models mean the same by an id.
#ifndef VKHROPE_TOOLS_VOCABULARY_H
#define VKHROPE_TOOLS_VOCABULARY_H

#include "ppl_args.h"

// Of --model and --kl-model: as many ids, and where a text is to be encoded, the same tokens as far
// as both tokenizers go (some files pad theirs). Prints a message that names both when not.
enum vkh_status vocabulary_check(struct tool *tool, const struct ppl_args *args,
                                 const struct vkh_model_info *model,
                                 const struct vkh_model_info *other);

#endif
