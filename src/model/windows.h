// SPDX-License-Identifier: MIT
// Which layers of a model attend within a window, and how wide it is, as its files say.
#ifndef VKH_MODEL_WINDOWS_H
#define VKH_MODEL_WINDOWS_H

#include <jansson.h>
#include <vkhrope/status.h>

struct vkh_arena;
struct vkh_config;
struct vkh_family;
struct vkh_gguf;
struct vkh_log;

// Each changes what the family's defaults left in the config, whose counts are complete: window,
// first_windowed, window_period, and windowed, which lies in the arena.

// `root` is the whole of a config.json.
enum vkh_status vkh_windows_from_json(const json_t *root, const struct vkh_family *family,
                                      const char *path, const struct vkh_log *log,
                                      struct vkh_arena *arena, struct vkh_config *config);

// `prefix` goes before the names of the keys: "gemma2.".
enum vkh_status vkh_windows_from_gguf(const struct vkh_gguf *gguf, const char *prefix,
                                      struct vkh_arena *arena, struct vkh_config *config);

#endif
