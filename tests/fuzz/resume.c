// SPDX-License-Identifier: MIT
// Checkpoints through the public API alone: a run goes on from one, and so does the run after it.
#include <math.h>

#include "resumed_run.h"

static void check(const struct vkh_ppl_results *results)
{
    for (uint32_t m = 0; m < RUN_METHODS; m++)
        for (uint32_t t = 0; t < RUN_IDS; t++)
            PROMISE(isfinite(results->nll[m][t]) && isfinite(results->token_kl[m][t].kl) &&
                    results->token_kl[m][t].top_differs <= 1);
    PROMISE(results->seconds >= 0 && isfinite(results->seconds));
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    char path[32];
    const int fd = fuzz_file(data, size, path);
    struct vkh_ppl_results *results, *again;
    const enum vkh_status status = resumed_run(path, RUN_IDS, &results);
    // Damaged, another run's, or this run's with numbers that it would not have written.
    PROMISE(fuzz_is_verdict(status) || status == VKH_ERR_ARGUMENT || status == VKH_ERR_INTERNAL);
    PROMISE((status == VKH_OK) == (results != NULL));
    if (results) {
        check(results);
        PROMISE(resumed_run(path, RUN_IDS, &again) == VKH_OK);
        for (uint32_t m = 0; m < RUN_METHODS; m++)
            PROMISE(memcmp(results->nll[m], again->nll[m], RUN_IDS * sizeof(float)) == 0 &&
                    memcmp(results->token_kl[m], again->token_kl[m],
                           RUN_IDS * sizeof(**again->token_kl)) == 0);
        vkh_ppl_results_destroy(&again);
    }
    vkh_ppl_results_destroy(&results);
    close(fd);
    return status == VKH_OK;
}
