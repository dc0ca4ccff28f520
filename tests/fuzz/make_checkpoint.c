// SPDX-License-Identifier: MIT
// make_checkpoint FILE N: a checkpoint of the first N chunks, for the fuzzer to damage.
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint_test.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 1;
    const struct vkh_checkpoint_plan plan = made_plan(argv[1]);
    struct vkh_checkpoint *cp;
    remove(argv[1]); // an older build's
    enum vkh_status status = vkh_checkpoint_open(&plan, NULL, &cp);
    for (uint32_t i = 0; i < (uint32_t)atoi(argv[2]) && status == VKH_OK; i++) {
        struct made made;
        made_fill(&made, i);
        status = vkh_checkpoint_append(cp, &made.chunk);
    }
    const enum vkh_status closed = vkh_checkpoint_close(&cp);
    return status != VKH_OK || closed != VKH_OK;
}
