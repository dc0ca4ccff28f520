// SPDX-License-Identifier: MIT
// What sets each model family apart: its names, its tensors and their places, its numbers.
#ifndef VKH_MODEL_FAMILY_H
#define VKH_MODEL_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <vkhrope/status.h>

#include "model/config.h"
#include "model/tensor.h"

struct vkh_arena;
struct vkh_model;

// A dimension in terms of the config.
enum vkh_dim {
    VKH_DIM_NONE,
    VKH_DIM_HIDDEN,
    VKH_DIM_QUERY, // n_heads * head_dim
    VKH_DIM_KV,    // n_kv_heads * head_dim
    VKH_DIM_FFN,
    VKH_DIM_VOCAB,
    VKH_DIM_PAIRS, // rotary_dim / 2
    VKH_DIM_HEAD,
    VKH_DIM_QKV,     // query and twice kv
    VKH_DIM_GATE_UP, // twice ffn
};

enum { VKH_MAX_PARTS = 3 };

// 0 for VKH_DIM_NONE.
uint64_t vkh_family_dim(const struct vkh_config *config, enum vkh_dim dim);

struct vkh_slot {
    size_t offset; // of the tensor pointer in struct vkh_model or struct vkh_layer
    const char *names[VKH_N_NAMINGS]; // NULL: not in files of that naming
    enum vkh_dim shape[2];            // a vector has VKH_DIM_NONE second
    bool optional;
    // A tensor that is several, one after another along its rows: where each goes, and its rows.
    // n_parts 0: it is one.
    struct {
        size_t offset;
        enum vkh_dim rows;
    } parts[VKH_MAX_PARTS];
    uint32_t n_parts;
};

struct vkh_family {
    const char *names[VKH_N_NAMINGS]; // general.architecture, model_type; NULL: in no such file
    enum vkh_rope_layout rope_layout[VKH_N_NAMINGS];
    const struct vkh_slot *slots;
    size_t n_slots;
    const struct vkh_slot *layer_slots; // names without "blk.N." or "model.layers.N."
    size_t n_layer_slots;
    // Endings of tensors that hold nothing the config does not say; the last is NULL.
    const char *const *ignored;

    // What its config.json says beyond what every family's does; the last is NULL.
    const char *const *json_fields;
    struct vkh_config defaults; // what a file that does not say it means
    bool windows_by_flag;       // a config.json's window counts with use_sliding_window only
    enum vkh_activation activation;
    double norm_shift[VKH_N_NAMINGS];
    bool scales_embedding; // by sqrt(hidden)
    // A GGUF of so many layers, and without attention.scale, divides by the root of
    // hidden / n_heads instead of the head size's. 0: none does.
    uint32_t wide_layers;
};

// NULL when no family has that name of `length` bytes.
const struct vkh_family *vkh_family_find(enum vkh_naming naming, const char *name, size_t length);

// Fills the slots of `model`, whose config is complete, allocates its layers, and counts parameters
// and bytes. A tensor that is missing or has another shape than the config says is VKH_ERR_FORMAT;
// one that no slot takes is VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_family_bind(const struct vkh_family *family, enum vkh_naming naming,
                                const struct vkh_tensor_table *table, const char *path,
                                const struct vkh_log *log, struct vkh_model *model);

#endif
