// SPDX-License-Identifier: MIT
// The safetensors format: a JSON header that names tensors, and their bytes.
#ifndef VKH_MODEL_SAFETENSORS_H
#define VKH_MODEL_SAFETENSORS_H

#include <vkhrope/status.h>

#include "base/file.h"
#include "model/tensor.h"

struct vkh_arena;

// Describes the tensors of one mapped file, sorted by name. Names go into the arena, data points
// into the mapping. `path` is for messages.
enum vkh_status vkh_safetensors_parse(const struct vkh_file *file, const char *path,
                                      const struct vkh_log *log, struct vkh_arena *arena,
                                      struct vkh_tensor_table *table);

// The tensors of a model's folder: of model.safetensors, or of the shards that
// model.safetensors.index.json names, which must hold what it says. The mapped files become the
// caller's: *files and its array are in the arena, each to be closed, also after a failure.
enum vkh_status vkh_safetensors_open(const char *folder, const struct vkh_log *log,
                                     struct vkh_arena *arena, struct vkh_file **files,
                                     uint32_t *n_files, struct vkh_tensor_table *table);

#endif
