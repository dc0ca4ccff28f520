// SPDX-License-Identifier: MIT
// A small model as bytes of the program, which then runs where no file of one is.
#ifndef VKH_TESTS_EMBEDDED_MODEL_H
#define VKH_TESTS_EMBEDDED_MODEL_H

#include <vkhrope/model.h>

// Opened at the first call; the program's.
const struct vkh_model *embedded_model(void);

#endif
