// SPDX-License-Identifier: MIT
// What a run's numbers follow from, to the last bit.
#ifndef VKH_API_IDENTITY_H
#define VKH_API_IDENTITY_H

#include "base/arena.h"
#include "eval/eval.h"
#include "graph/graph.h"

struct vkh_device;
struct vkh_model;

// Lines "name value" in the arena, for eval/checkpoint.h: version, device, driver, model (a
// checksum of its files) with variants, types and chunk, the same of a model that it is compared
// with, texts (a checksum of the tokens), regime, methods (and a checksum of their frequencies),
// lengths. What changes no bit is left out. NULL, with a message, when out of memory.
const char *vkh_identity(const struct vkh_device *device,
                         const struct vkh_model *const models[VKH_N_MODELS],
                         struct vkh_graph *const graphs[VKH_N_MODELS], const struct vkh_eval *eval,
                         const struct vkh_log *log, struct vkh_arena *arena);

#endif
