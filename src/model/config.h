// SPDX-License-Identifier: MIT
// The numbers that shape a model, in one form for every file format.
#ifndef VKH_MODEL_CONFIG_H
#define VKH_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_arena;
struct vkh_gguf;
struct vkh_tensor_table;

enum vkh_rope_layout {
    VKH_ROPE_INTERLEAVED, // pairs (2i, 2i + 1): q and k rows as in llama's GGUF files
    VKH_ROPE_HALVES,      // pairs (i, i + rotary_dim / 2): as in Hugging Face's files
};

// What vkh_model_open gives has passed vkh_config_complete: every count is positive, n_kv_heads
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
    bool tied; // the head is the embedding
};

// Whose names a file uses.
enum vkh_naming { VKH_NAMING_GGUF, VKH_NAMING_HF, VKH_N_NAMINGS };

// A positive integer of struct vkh_config and what it is called; GGUF's without the
// architecture's prefix. NULL where a naming has none.
struct vkh_config_field {
    size_t offset;
    const char *names[VKH_N_NAMINGS];
};

enum { VKH_N_CONFIG_FIELDS = 9 };
extern const struct vkh_config_field vkh_config_fields[VKH_N_CONFIG_FIELDS];

static inline uint32_t *vkh_config_field(struct vkh_config *config, size_t index)
{
    return (uint32_t *)((char *)config + vkh_config_fields[index].offset);
}

// Derives what was absent (left 0) and may be, then holds the numbers to the promises above; a
// field that is missing or contradicts another is VKH_ERR_FORMAT. `prefix` goes before a GGUF
// name: "llama.".
enum vkh_status vkh_config_complete(struct vkh_config *config, enum vkh_naming naming,
                                    const char *prefix, const char *path,
                                    const struct vkh_log *log);

struct vkh_family;

// Reads and completes. `tied` is left alone, as only the tensors tell; they also give the size of
// the vocabulary where the file does not. A field that changes the numbers and is not implemented,
// or that is unknown, is VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_config_from_gguf(const struct vkh_gguf *gguf,
                                     const struct vkh_tensor_table *table,
                                     struct vkh_config *config, const struct vkh_family **family);

// From a config.json. Factors go into the arena.
enum vkh_status vkh_config_from_json(const char *path, const struct vkh_log *log,
                                     struct vkh_arena *arena, struct vkh_config *config,
                                     const struct vkh_family **family);

#endif
