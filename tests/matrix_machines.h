// SPDX-License-Identifier: MIT
// How the matrices of side 16 of GPUs that are not here lie, as the kernel would see them
// (gpu/matrix_order.h). Of a subgroup of 32 with `held` elements an invocation.
#ifndef VKH_TESTS_MATRIX_MACHINES_H
#define VKH_TESTS_MATRIX_MACHINES_H

#include <string.h>

#include "gpu/matrix_order.h"

// Row and column of element i of an invocation.
typedef void matrix_place_fn(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column);

struct matrix_machine {
    const char *name;
    uint32_t held; // of operands; of accumulators 8
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

static const struct matrix_machine matrix_machines[] = {
    {"NVIDIA", 8, nvidia_left, nvidia_right, nvidia_left},
    {"RDNA 3", 16, rdna3_left, rdna3_right, rdna3_sum},
    {"RDNA 4", 8, rdna4_left, rdna4_right, rdna4_right},
};

static inline void matrix_machine_see(const struct matrix_machine *machine,
                                      uint32_t seen[VKH_MATRIX_SEEN])
{
    matrix_place_fn *const uses[] = {machine->left, machine->right, machine->sum};
    memset(seen, 0xff, VKH_MATRIX_SEEN * sizeof(*seen));
    for (uint32_t use = 0; use < 3; use++) {
        for (uint32_t lane = 0; lane < 32; lane++) {
            for (uint32_t i = 0; i < (use < 2 ? machine->held : 8); i++) {
                uint32_t row, column;
                uses[use](lane, i, &row, &column);
                seen[(use * 32 + lane) * VKH_MATRIX_SLOTS + i] = row * 16 + column;
            }
        }
    }
}

#endif
