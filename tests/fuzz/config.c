// SPDX-License-Identifier: MIT
// A config.json. What is accepted keeps the config's promises.
#include "model/config.h"
#include "base/arena.h"
#include "fuzz.h"
#include "rope/method.h"

bool fuzz_one(const uint8_t *data, size_t size)
{
    char path[32];
    const int fd = fuzz_file(data, size, path);
    struct vkh_arena arena = {0};
    struct vkh_config config;
    const struct vkh_family *family = NULL;
    const enum vkh_status status = vkh_config_from_json(path, &fuzz_log, &arena, &config, &family);
    close(fd);
    PROMISE(fuzz_is_verdict(status));
    if (status == VKH_OK) {
        PROMISE(family && config.n_layers > 0 && config.vocab > 0 && config.hidden > 0);
        PROMISE(config.n_kv_heads > 0 && config.n_heads % config.n_kv_heads == 0);
        struct vkh_method own;
        PROMISE(!*config.rope_scaling ||
                vkh_method_parse(config.rope_scaling, &fuzz_log, &own) == VKH_OK);
        PROMISE(config.rotary_dim % 2 == 0 && config.rotary_dim <= config.head_dim);
    }
    vkh_arena_fini(&arena);
    return status == VKH_OK;
}
