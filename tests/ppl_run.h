// SPDX-License-Identifier: MIT
// A run that must succeed; what it said ends the test where it does not.
#ifndef VKH_TESTS_PPL_RUN_H
#define VKH_TESTS_PPL_RUN_H

#include <vkhrope/perplexity.h>

#include "gpu_test.h"
#include "last_line.h"

static inline struct vkh_ppl_results *ppl_run(struct gpu_test *test, const struct vkh_model *model,
                                              const struct vkh_ppl_options *options)
{
    struct vkh_ppl_results *results;
    last_line[0] = '\0';
    if (vkh_ppl_run(test->device, model, options, &log_to_line, &results) == VKH_OK)
        return results;
    fprintf(stderr, "%s\n", last_line);
    exit(1);
}

#endif
