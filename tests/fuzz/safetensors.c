// SPDX-License-Identifier: MIT
// One safetensors file. Tensors must lie inside it, apart from each other.
#include "model/safetensors.h"
#include "base/arena.h"
#include "fuzz.h"

bool fuzz_one(const uint8_t *data, size_t size)
{
    const struct vkh_file file = {data, size};
    struct vkh_arena arena = {0};
    struct vkh_tensor_table table;
    const enum vkh_status status = vkh_safetensors_parse(&file, "fuzz", &fuzz_log, &arena, &table);
    PROMISE(fuzz_is_verdict(status));
    for (uint64_t i = 0; status == VKH_OK && i < table.count; i++) {
        const struct vkh_tensor *tensor = &table.tensors[i];
        const uint8_t *bytes = tensor->data;
        PROMISE(bytes >= data && tensor->size <= (uint64_t)(data + size - bytes));
        PROMISE(vkh_tensor_table_find(&table, tensor->name) == tensor);
    }
    vkh_arena_fini(&arena);
    return status == VKH_OK;
}
