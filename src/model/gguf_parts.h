// SPDX-License-Identifier: MIT
// A model that is split over several GGUF files, NAME-00001-of-00003.gguf and so on: each says in
// its metadata which one it is (split.no, from 0) and of how many (split.count); the first has the
// model's own metadata.
#ifndef VKH_MODEL_GGUF_PARTS_H
#define VKH_MODEL_GGUF_PARTS_H

#include "model/gguf.h"

// Opens the first file of the model that `path`, any of its files, belongs to. Its name goes into
// the arena. A name that does not agree with the metadata is VKH_ERR_FORMAT.
enum vkh_status vkh_gguf_open_first(const char *path, const struct vkh_log *log,
                                    struct vkh_arena *arena, struct vkh_gguf *gguf);

// Opens all files of that model, the first one first. *parts is in the arena; the *n_parts of them
// are the caller's to close, also after a failure.
enum vkh_status vkh_gguf_open_parts(const char *path, const struct vkh_log *log,
                                    struct vkh_arena *arena, struct vkh_gguf **parts,
                                    uint32_t *n_parts);

// The tensors of all parts, sorted by name; split.tensors.count must agree.
enum vkh_status vkh_gguf_all_tensors(const struct vkh_gguf *parts, uint32_t n_parts,
                                     struct vkh_arena *arena, struct vkh_tensor_table *table);

#endif
