// SPDX-License-Identifier: MIT
// A model's own scaling of its rotary frequencies, written as the terms of a method
// (rope/method.h): "yarn:factor=4,original=32768".
#ifndef VKH_MODEL_ROPE_SCALING_H
#define VKH_MODEL_ROPE_SCALING_H

#include <jansson.h>
#include <stdbool.h>
#include <vkhrope/status.h>

struct vkh_arena;
struct vkh_config;
struct vkh_gguf;
struct vkh_log;
struct vkh_tensor_table;

// Each fills config->rope_scaling, with the original length written out, and what goes with it:
// the context length before the extension, LongRoPE's lists. The rest of the config is complete.
// A kind of scaling, or a field of one, that is unknown here is VKH_ERR_UNSUPPORTED.

// `rope` is the object called `name` in a config.json whose whole is `root`; NULL: no scaling.
enum vkh_status vkh_rope_scaling_from_json(const json_t *root, const json_t *rope, const char *name,
                                           const char *path, const struct vkh_log *log,
                                           struct vkh_arena *arena, struct vkh_config *config);

// A kind of which the part of a head that turns is a value, and not what is rotated at all.
bool vkh_rope_scaling_is_proportional(const json_t *rope);

// `prefix` goes before the names of the keys: "llama.".
enum vkh_status vkh_rope_scaling_from_gguf(const struct vkh_gguf *gguf,
                                           const struct vkh_tensor_table *table, const char *prefix,
                                           struct vkh_config *config);

// Whether a key, without its prefix, is one that from_gguf reads.
bool vkh_rope_scaling_has_key(const char *name);

// A term before those that are there.
void vkh_rope_scaling_put_first(struct vkh_config *config, const char *term);

// Begins the text with a term's name, and adds a value to it.
void vkh_rope_scaling_begin(struct vkh_config *config, const char *term);
void vkh_rope_scaling_add(struct vkh_config *config, const char *key, double value);

#endif
