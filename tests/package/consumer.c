// SPDX-License-Identifier: MIT
// What a project outside writes to use the installed library: exit status 0 when it runs.
#include <stdio.h>
#include <vkhrope/vkhrope.h>

int main(void)
{
    struct vkh_model *model;
    const enum vkh_status status = vkh_model_open("/nonexistent", NULL, &model);
    puts(vkh_status_text(status));
    return status != VKH_ERR_IO;
}
