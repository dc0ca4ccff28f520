// SPDX-License-Identifier: MIT
// A model's files in, one plain description out.
#ifndef VKH_MODEL_MODEL_H
#define VKH_MODEL_MODEL_H

#include <stdint.h>
#include <vkhrope/model.h>

#include "base/arena.h"
#include "base/file.h"
#include "model/config.h"
#include "model/tensor.h"

// Matrices are [out][in]: a row makes one output. Nothing but tensors.
struct vkh_layer {
    const struct vkh_tensor *attn_norm; // [hidden]
    const struct vkh_tensor *q;         // [n_heads * head_dim][hidden]
    const struct vkh_tensor *k, *v;     // [n_kv_heads * head_dim][hidden]
    const struct vkh_tensor *o;         // [hidden][n_heads * head_dim]
    const struct vkh_tensor *ffn_norm;  // [hidden]
    const struct vkh_tensor *gate, *up; // [ffn][hidden]
    const struct vkh_tensor *down;      // [hidden][ffn]

    // NULL where the family has none: added to q, k and v; norms of each head of q and of k before
    // its rotation, [head_dim]; and of what is added to the residual stream, [hidden].
    const struct vkh_tensor *q_bias, *k_bias, *v_bias;
    const struct vkh_tensor *q_norm, *k_norm;
    const struct vkh_tensor *post_attn_norm, *post_ffn_norm;
};

// Read-only after open, so threads may share it. Each tensor has a type of its own.
struct vkh_model {
    const char *path; // as it was opened, or what it is instead of a file
    struct vkh_config config;
    const struct vkh_tensor *embed;       // [vocab][hidden]
    const struct vkh_tensor *output_norm; // [hidden]
    const struct vkh_tensor *output;      // [vocab][hidden]; == embed when tied
    struct vkh_layer *layers;             // [config.n_layers]
    uint64_t parameters;                  // elements of the tensors above, a tied one once
    uint64_t weight_bytes;                // their bytes in the files
    char weight_type[8 * VKH_N_DTYPES];   // of the matrices: "F16", or "Q4_K+Q6_K", commonest first

    // Private.
    // What the config's lists of factors were read from; NULL where it has none.
    const struct vkh_tensor *rope_factors, *rope_short_factors, *rope_long_factors;
    struct vkh_arena arena;
    struct vkh_file *files;
    uint32_t n_files;
    struct vkh_file config_file; // of a folder, beside its files of tensors
};

// Whether every weight is finite: VKH_ERR_FORMAT names the first tensor with one that is not. Reads
// and dequantises all of them, so it is for telling why results are not finite.
enum vkh_status vkh_model_check_finite(const struct vkh_model *model, const struct vkh_log *log);

#endif
