// SPDX-License-Identifier: MIT
// A small run with divergences and a checkpoint, on a device that computes nothing.
#ifndef VKH_TESTS_RESUMED_RUN_H
#define VKH_TESTS_RESUMED_RUN_H

#include <vkhrope/perplexity.h>

#include "embedded_model.h"
#include "fuzz.h"
#include "null_vulkan.h"

enum { RUN_IDS = 300, RUN_METHODS = 2 };

// The calls of progress that are left before it ends the run.
static inline bool run_goes_on(void *user, const struct vkh_ppl_progress *progress)
{
    (void)progress;
    return --*(int *)user > 0;
}

// Ends after `calls` calls of progress, or with the run.
static inline enum vkh_status resumed_run(const char *checkpoint, int calls,
                                          struct vkh_ppl_results **results)
{
    static const int32_t ids[RUN_IDS];
    static const uint32_t lengths[] = {100, RUN_IDS};
    static const char *const methods[RUN_METHODS] = {"baseline", "hybrid:cf=2"};
    static struct vkh_device *device;
    if (!device)
        device = null_device(&fuzz_log);
    const struct vkh_ppl_options options = {
        .ids = ids,
        .n_ids = RUN_IDS,
        .lengths = lengths,
        .n_lengths = 2,
        .methods = methods,
        .n_methods = RUN_METHODS,
        .kl = methods[0],
        .original_max_len = 64,
        .chunk = 64,
        .keep_nll = true,
        .checkpoint = checkpoint,
        .progress = run_goes_on,
        .user = &calls,
    };
    return vkh_ppl_run(device, embedded_model(), &options, &fuzz_log, results);
}

#endif
