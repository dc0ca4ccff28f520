// SPDX-License-Identifier: MIT
// make_resumed_run FILE N: the checkpoint of a run that ended after N calls of progress, for the
// fuzzer to damage.
#include "resumed_run.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 1;
    struct vkh_ppl_results *results;
    remove(argv[1]); // an older build's
    const enum vkh_status status = resumed_run(argv[1], atoi(argv[2]), &results);
    vkh_ppl_results_destroy(&results);
    return status != VKH_OK && status != VKH_ERR_CANCELLED;
}
