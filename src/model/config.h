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

enum vkh_activation { VKH_SILU, VKH_GELU_TANH };

// What vkh_model_open gives has passed vkh_config_complete: every count is positive, n_kv_heads
// divides n_heads, rotary_dim is even and at most head_dim.
struct vkh_config {
    const char *name;         // the model's own name, or its file's
    const char *architecture; // of the family: "llama"
    uint32_t n_layers, hidden, n_heads, n_kv_heads, head_dim, rotary_dim, ffn, vocab;
    double norm_eps;
    double rope_base;
    // The model's own scaling of its frequencies as terms of a method (model/rope_scaling.h): "",
    // "rope-freqs", "llama3:factor=8,low_freq_factor=1,high_freq_factor=4,original=8192".
    char rope_scaling[256];
    // [rotary_dim / 2], what inverse frequencies are divided by; NULL where the model has none: a
    // GGUF's rope_freqs.weight, and LongRoPE's lists.
    const float *rope_factors, *rope_short_factors, *rope_long_factors;
    uint32_t context_length; // the length it was trained at, before any extension
    enum vkh_rope_layout rope_layout;
    bool tied; // the head is the embedding

    enum vkh_activation activation; // of the feed-forward part's gate
    double norm_shift;              // added to the weights of norms in the files
    double embedding_scale;         // embeddings are multiplied by it
    double attention_scale;         // and products of queries and keys by this
    // x becomes cap * tanh(x / cap): scores of attention, and logits. 0: no cap.
    double attention_soft_cap, final_soft_cap;
    // Tokens that a windowed layer's queries see, their own included, whatever their positions; 0:
    // all. Layers from first_windowed on are windowed but for every window_period-th (0: all are),
    // unless the file has a list of them: windowed[n_layers].
    uint32_t window, first_windowed, window_period;
    const bool *windowed;
    // Base of windowed layers, whose frequencies are then neither scaled by the model nor by a
    // method; 0: they are as all others.
    double local_rope_base;
};

static inline bool vkh_config_is_windowed(const struct vkh_config *config, uint32_t layer)
{
    if (config->windowed)
        return config->windowed[layer];
    return layer >= config->first_windowed &&
           (config->window_period == 0 || (layer + 1) % config->window_period != 0);
}

// Whose names a file uses.
enum vkh_naming { VKH_NAMING_GGUF, VKH_NAMING_HF, VKH_N_NAMINGS };

// A number of struct vkh_config and what it is called; GGUF's without the architecture's prefix.
// NULL where a naming has none.
struct vkh_config_field {
    size_t offset;
    const char *names[VKH_N_NAMINGS];
};

enum { VKH_N_CONFIG_FIELDS = 9, VKH_N_CONFIG_REALS = 6 };
extern const struct vkh_config_field vkh_config_fields[VKH_N_CONFIG_FIELDS]; // positive integers

// The same of the numbers that are no integers.
struct vkh_config_real {
    size_t offset;
    const char *names[VKH_N_NAMINGS];
    double above; // the number is more than this,
    bool or_none; // or 0, if that is a way to say that there is none
};
extern const struct vkh_config_real vkh_config_reals[VKH_N_CONFIG_REALS];

static inline uint32_t *vkh_config_field(struct vkh_config *config, size_t index)
{
    return (uint32_t *)((char *)config + vkh_config_fields[index].offset);
}

static inline double *vkh_config_real(struct vkh_config *config, size_t index)
{
    return (double *)((char *)config + vkh_config_reals[index].offset);
}

struct vkh_family;

// Takes what the family says whatever the file, derives what was absent (left 0) and may be, then
// holds the numbers to the promises above; a field that is missing or contradicts another is
// VKH_ERR_FORMAT. `prefix` goes before a GGUF name: "llama.".
enum vkh_status vkh_config_complete(struct vkh_config *config, const struct vkh_family *family,
                                    enum vkh_naming naming, const char *prefix, const char *path,
                                    const struct vkh_log *log);

// Reads and completes. `tied` is left alone, as only the tensors tell; they also give the size of
// the vocabulary where the file does not. A field that changes the numbers and is not implemented,
// or that is unknown, is VKH_ERR_UNSUPPORTED.
// Lists go into the arena.
enum vkh_status vkh_config_from_gguf(const struct vkh_gguf *gguf,
                                     const struct vkh_tensor_table *table, struct vkh_arena *arena,
                                     struct vkh_config *config, const struct vkh_family **family);

// From a config.json.
enum vkh_status vkh_config_from_json(const char *path, const struct vkh_log *log,
                                     struct vkh_arena *arena, struct vkh_config *config,
                                     const struct vkh_family **family);

#endif
