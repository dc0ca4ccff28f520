// SPDX-License-Identifier: MIT
// Which tensor fills which place, for each model family.
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
};

// 0 for VKH_DIM_NONE.
uint64_t vkh_family_dim(const struct vkh_config *config, enum vkh_dim dim);

struct vkh_slot {
    size_t offset; // of the tensor pointer in struct vkh_model or struct vkh_layer
    const char *names[VKH_N_NAMINGS]; // NULL: not in files of that naming
    enum vkh_dim shape[2];            // a vector has VKH_DIM_NONE second
    bool optional;
};

struct vkh_family {
    const char *names[VKH_N_NAMINGS]; // general.architecture, model_type
    enum vkh_rope_layout rope_layout[VKH_N_NAMINGS];
    const struct vkh_slot *slots;
    size_t n_slots;
    const struct vkh_slot *layer_slots; // names without "blk.N." or "model.layers.N."
    size_t n_layer_slots;
    // Endings of tensors that hold nothing the config does not say; the last is NULL.
    const char *const *ignored;
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
