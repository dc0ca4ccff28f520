// SPDX-License-Identifier: MIT
#include "model/shape.h"

#include <string.h>

#include "base/size.h"

// From the models' own configuration files.
static const struct vkh_config shapes[] = {
    {
        .name = "llama3-8b",
        .architecture = "llama",
        .n_layers = 32,
        .hidden = 4096,
        .n_heads = 32,
        .n_kv_heads = 8,
        .ffn = 14336,
        .vocab = 128256,
        .norm_eps = 1e-5,
        .rope_base = 500000,
        .context_length = 8192,
    },
    {
        .name = "qwen2.5-7b",
        .architecture = "qwen2",
        .n_layers = 28,
        .hidden = 3584,
        .n_heads = 28,
        .n_kv_heads = 4,
        .ffn = 18944,
        .vocab = 152064,
        .norm_eps = 1e-6,
        .rope_base = 1e6,
        .context_length = 32768,
    },
    {
        .name = "mistral-7b",
        .architecture = "llama",
        .n_layers = 32,
        .hidden = 4096,
        .n_heads = 32,
        .n_kv_heads = 8,
        .ffn = 14336,
        .vocab = 32768,
        .norm_eps = 1e-5,
        .rope_base = 1e6,
        .context_length = 32768,
    },
    {
        .name = "gemma2-9b",
        .architecture = "gemma2",
        .n_layers = 42,
        .hidden = 3584,
        .n_heads = 16,
        .n_kv_heads = 8,
        .head_dim = 256,
        .ffn = 14336,
        .vocab = 256000,
        .norm_eps = 1e-6,
        .rope_base = 10000,
        .context_length = 8192,
        .tied = true,
    },
    {
        .name = "smollm2-135m",
        .architecture = "llama",
        .n_layers = 30,
        .hidden = 576,
        .n_heads = 9,
        .n_kv_heads = 3,
        .ffn = 1536,
        .vocab = 49152,
        .norm_eps = 1e-5,
        .rope_base = 100000,
        .context_length = 8192,
        .tied = true,
    },
    {
        .name = "demo", // models/vkhrope-demo.gguf
        .architecture = "llama",
        .n_layers = 6,
        .hidden = 256,
        .n_heads = 4,
        .n_kv_heads = 2,
        .ffn = 704,
        .vocab = 4096,
        .norm_eps = 1e-5,
        .rope_base = 10000,
        .context_length = 512,
        .tied = true,
    },
};

const struct vkh_config *vkh_shape_at(uint32_t index)
{
    return index < VKH_COUNTOF(shapes) ? &shapes[index] : NULL;
}

const struct vkh_config *vkh_shape_find(const char *name)
{
    for (uint32_t i = 0; i < VKH_COUNTOF(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}
