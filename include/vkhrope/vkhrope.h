// SPDX-License-Identifier: MIT
// Everything but vulkan.h and record.h, which need the Vulkan headers.
#ifndef VKHROPE_VKHROPE_H
#define VKHROPE_VKHROPE_H

#include "device.h"
#include "model.h"
#include "perplexity.h"
#include "report.h"
#include "session.h"
#include "status.h"
#include "tokenizer.h"

#endif
