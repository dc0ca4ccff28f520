// SPDX-License-Identifier: MIT
// How the matrices of GPUs that are not here lie, as the kernel would see them
// (gpu/matrix_order.h).
#ifndef VKH_TESTS_MATRIX_MACHINES_H
#define VKH_TESTS_MATRIX_MACHINES_H

#include <string.h>

#include "gpu/matrix_order.h"

// Row and column of element i of an invocation.
typedef void matrix_place_fn(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column);

struct matrix_machine {
    const char *name;
    struct vkh_matrix_shape shape;  // an invocation has eight elements of an accumulator
    uint32_t held_left, held_right; // of operands
    matrix_place_fn *left, *right, *sum;
};

// PTX ISA, mma.m16n8k16, two of them side by side; the middle pairs of a left operand and of the
// accumulator exchanged, as NVIDIA's driver numbers them.
static inline void nvidia_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane / 4 + (i & 4 ? 8 : 0);
    *column = lane % 4 * 2 + i % 2 + (i & 2 ? 8 : 0);
}

static inline void nvidia_right(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane % 4 * 2 + i % 2 + (i & 2 ? 8 : 0);
    *column = lane / 4 + (i & 4 ? 8 : 0);
}

// AMD, "RDNA3" Instruction Set Architecture, 7.9: an invocation has a whole row of the left operand
// or column of the right one, and so has the one 16 after it; accumulators have rows in turn.
static inline void rdna3_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane % 16;
    *column = i;
}

static inline void rdna3_right(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = i;
    *column = lane % 16;
}

static inline void rdna3_sum(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = 2 * i + lane / 16;
    *column = lane % 16;
}

// "RDNA4" Instruction Set Architecture, 7.12: each half of the subgroup has half of the sum.
static inline void rdna4_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane % 16;
    *column = lane / 16 * 8 + i;
}

static inline void rdna4_right(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane / 16 * 8 + i;
    *column = lane % 16;
}

// Intel, "Xe" instruction DPAS, as Mesa's driver numbers it: registers are rows of the left
// operand, two neighbours of an invocation; of the others an invocation has a column.
static inline void intel_column(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = i;
    *column = lane;
}

static inline void xe_hpg_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = i / 2;
    *column = lane * 2 + i % 2;
}

// Registers are twice as wide: two rows each.
static inline void xe2_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = i / 2 * 2 + lane / 8;
    *column = lane % 8 * 2 + i % 2;
}

enum { NVIDIA_MACHINE, RDNA3_MACHINE, RDNA4_MACHINE, XE2_MACHINE, XE_HPG_MACHINE };

static const struct matrix_machine matrix_machines[] = {
    {"NVIDIA", {16, 16, 16}, 8, 8, nvidia_left, nvidia_right, nvidia_left},
    {"RDNA 3", {16, 16, 16}, 16, 16, rdna3_left, rdna3_right, rdna3_sum},
    {"RDNA 4", {16, 16, 16}, 8, 8, rdna4_left, rdna4_right, rdna4_right},
    {"Xe2", {8, 16, 16}, 8, 16, xe2_left, intel_column, intel_column},
    {"Xe-HPG", {8, 8, 16}, 16, 16, xe_hpg_left, intel_column, intel_column},
};

static inline void matrix_machine_see(const struct matrix_machine *machine,
                                      uint32_t seen[VKH_MATRIX_SEEN])
{
    const struct vkh_matrix_shape *shape = &machine->shape;
    const struct {
        matrix_place_fn *place;
        uint32_t held, columns;
    } uses[] = {{machine->left, machine->held_left, shape->k},
                {machine->right, machine->held_right, shape->n},
                {machine->sum, 8, shape->n}};
    const uint32_t lanes = vkh_matrix_subgroup(shape);
    memset(seen, 0xff, VKH_MATRIX_SEEN * sizeof(*seen));
    for (uint32_t use = 0; use < 3; use++) {
        for (uint32_t lane = 0; lane < lanes; lane++) {
            for (uint32_t i = 0; i < uses[use].held; i++) {
                uint32_t row, column;
                uses[use].place(lane, i, &row, &column);
                seen[(use * lanes + lane) * VKH_MATRIX_SLOTS + i] =
                    row * uses[use].columns + column;
            }
        }
    }
}

static inline struct vkh_matrix_layout matrix_machine_layout(const struct matrix_machine *machine)
{
    uint32_t seen[VKH_MATRIX_SEEN];
    struct vkh_matrix_layout layout;
    matrix_machine_see(machine, seen);
    vkh_matrix_describe(seen, &machine->shape, &layout);
    return layout;
}

#endif
