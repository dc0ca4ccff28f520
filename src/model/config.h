// SPDX-License-Identifier: MIT
// The numbers that shape a model, in one form for every file format.
#ifndef VKH_MODEL_CONFIG_H
#define VKH_MODEL_CONFIG_H

#include <stdint.h>

enum vkh_rope_layout {
    VKH_ROPE_INTERLEAVED, // pairs (2i, 2i + 1): q and k rows as in llama's GGUF files
    VKH_ROPE_HALVES,      // pairs (i, i + rotary_dim / 2): as in Hugging Face's files
};

// What vkh_model_open gives has passed vkh_config_check: every count is positive, n_kv_heads
// divides n_heads, rotary_dim is even and at most head_dim.
struct vkh_config {
    const char *name;         // the model's own name, or its file's
    const char *architecture; // of the family: "llama"
    uint32_t n_layers, hidden, n_heads, n_kv_heads, head_dim, rotary_dim, ffn, vocab;
    double norm_eps;
    double rope_base;
    // [rotary_dim / 2], what each inverse frequency is divided by; NULL: by nothing. From a GGUF's
    // rope_freqs.weight.
    const float *rope_factors;
    uint32_t context_length; // the length it was trained at, before any extension
    enum vkh_rope_layout rope_layout;
};

#endif
