// SPDX-License-Identifier: MIT
// A walk, laid out: its legs in order, and where it is by layers, how many of them go through the
// layers at once.
#ifndef VKH_EVAL_LEGS_H
#define VKH_EVAL_LEGS_H

#include "eval/eval.h"
#include "eval/memory.h"

// What one pass walks over: tokens [first, first + n) of a group's shared prefix, or of a track
// after it.
struct vkh_leg {
    uint32_t index; // from 0, in the order of the walk
    uint32_t group;
    uint32_t track; // or VKH_NONE: the prefix
    uint32_t first, n;
};

// The first, and the one after. False when there is none.
bool vkh_leg_first(const struct vkh_eval *eval, struct vkh_leg *leg);
bool vkh_leg_next(const struct vkh_eval *eval, struct vkh_leg *leg);

// The last from the leg's origin.
struct vkh_leg vkh_leg_last(const struct vkh_eval *eval, const struct vkh_leg *leg);

// Which of the models a leg is of.
int vkh_leg_model(const struct vkh_eval *eval, const struct vkh_leg *leg);

// Legs of one model that go through its layers together: their passes and every token's residual
// stream are on the device at once. A prefix is in it with a track at least; a track that an
// earlier batch left behind brings its group's prefix again.
struct vkh_batch {
    struct vkh_leg first;
    uint32_t n_legs;
    uint32_t again; // tokens of the prefix that is computed again before them; 0: none
    uint64_t bytes;
    bool last;
    struct vkh_leg next; // where the next batch begins, unless this is the last
};

// As many legs from `first` on as fit `room` bytes, one at least. `models` are VKH_N_MODELS.
struct vkh_batch vkh_batch_take(const struct vkh_eval *eval, const struct vkh_eval_resident *models,
                                const struct vkh_leg *first, uint64_t room);

// The least room that no batch goes beyond.
uint64_t vkh_batch_least(const struct vkh_eval *eval, const struct vkh_eval_resident *models);

#endif
