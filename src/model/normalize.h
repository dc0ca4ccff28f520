// SPDX-License-Identifier: MIT
// Normalisation: what a text goes through before it is cut into words.
#ifndef VKH_MODEL_NORMALIZE_H
#define VKH_MODEL_NORMALIZE_H

#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_arena;
struct vkh_place;

enum { VKH_NORMALIZE_MAX = 8 };

// SentencePiece's mark of a space, U+2581.
#define VKH_SPACE_MARK "\xe2\x96\x81"

enum vkh_normal_kind {
    VKH_NORMAL_NFC,
    VKH_NORMAL_PREPEND,  // `to` in front of a text that is not empty
    VKH_NORMAL_REPLACE,  // every `from` by `to`
    VKH_NORMAL_COLLAPSE, // no spaces in front, one in place of several
    VKH_NORMAL_STRIP,    // no `from` at the end
};

struct vkh_normal_step {
    enum vkh_normal_kind kind;
    const char *from, *to; // terminated, of the owner's; `from` is not empty
};

// Zero-initialise.
struct vkh_normalizer {
    struct vkh_normal_step steps[VKH_NORMALIZE_MAX];
    uint32_t n_steps;
};

// One step too many is VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_normalizer_add(const struct vkh_place *place, struct vkh_normal_step step,
                                   struct vkh_normalizer *normalizer);

// Points *text at the normalised text, in the arena or where it was. VKH_ERR_MEMORY without a
// message.
enum vkh_status vkh_normalize(const struct vkh_normalizer *normalizer, struct vkh_arena *arena,
                              const char **text, uint64_t *bytes);

#endif
