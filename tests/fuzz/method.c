// SPDX-License-Identifier: MIT
// Method strings. What is accepted is spelled in a form that is accepted and spelled alike.
#include "rope/method.h"
#include "fuzz.h"

bool fuzz_one(const uint8_t *data, size_t size)
{
    struct vkh_method method, again;
    char *spec = malloc(size + 1);
    PROMISE(spec);
    memcpy(spec, data, size);
    spec[size] = '\0';
    const enum vkh_status status = vkh_method_parse(spec, &fuzz_log, &method);
    free(spec);
    PROMISE(status == VKH_OK || status == VKH_ERR_ARGUMENT);
    if (status != VKH_OK)
        return false;
    char first[1024], second[1024];
    PROMISE(vkh_method_spell(&method, first, sizeof(first)) < sizeof(first));
    PROMISE(vkh_method_parse(first, &fuzz_log, &again) == VKH_OK);
    PROMISE(vkh_method_spell(&again, second, sizeof(second)) < sizeof(second));
    PROMISE(strcmp(first, second) == 0);
    return true;
}
