// SPDX-License-Identifier: MIT
// For tests of many models that are run once more with cooperative matrices chosen by hand.
#ifndef VKH_TESTS_TIER_TEST_H
#define VKH_TESTS_TIER_TEST_H

#include <stdlib.h>
#include <string.h>

#include "gpu_test.h"
#include "graph/tier.h"

static inline bool tier_test_by_hand(void)
{
    const char *variants = getenv("VKHROPE_TEST_VARIANTS");
    return variants && strstr(variants, "tier=matrix");
}

// Whether the model runs by rows all the same, as it does without that choice.
static inline bool tier_test_repeats(struct gpu_test *test, const struct vkh_model *model)
{
    struct vkh_matrix_layout layout;
    return tier_test_by_hand() && !vkh_tier_matrix_takes(test->device, model, &layout);
}

#endif
