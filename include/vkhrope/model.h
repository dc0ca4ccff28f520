// SPDX-License-Identifier: MIT
// A language model in its files.
#ifndef VKHROPE_MODEL_H
#define VKHROPE_MODEL_H

#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Read-only once open, so threads may share it.
struct vkh_model;

// `path` is a GGUF file (of a split model, NAME-00001-of-00003.gguf and so on, any one), or a
// directory with config.json and model.safetensors or model.safetensors.index.json and its shards.
// The files stay mapped until close.
//   VKH_ERR_IO           a file is missing or unreadable
//   VKH_ERR_FORMAT       malformed, truncated, or contradicting itself
//   VKH_ERR_UNSUPPORTED  an architecture, a type, or a field that changes the numbers, unknown here
// The log line names the file and the field. On failure *model is NULL.
VKH_API enum vkh_status vkh_model_open(const char *path, const struct vkh_log *log,
                                       struct vkh_model **model);
VKH_API void vkh_model_close(struct vkh_model **model);

// Strings live as long as the model.
struct vkh_model_info {
    const char *name;         // the model's own name, or its file's
    const char *architecture; // "llama"
    const char *weight_type;  // of the matrices: "F16"; a mixture's commonest first: "Q4_K+Q6_K"
    uint32_t context_length;  // tokens it was trained at, before any extension
    uint32_t n_layers, hidden, n_heads, n_kv_heads, head_dim, ffn, vocab;
    uint64_t parameters;
    uint64_t weight_bytes; // in the files
};
VKH_API struct vkh_model_info vkh_model_get_info(const struct vkh_model *model);

#ifdef __cplusplus
}
#endif
#endif
