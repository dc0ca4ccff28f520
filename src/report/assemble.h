// SPDX-License-Identifier: MIT
// Results put together from pieces.
#ifndef VKH_REPORT_ASSEMBLE_H
#define VKH_REPORT_ASSEMBLE_H

#include "base/arena.h"
#include "report/merge.h"

// Where a piece's texts, methods and lengths come to stand.
struct vkh_place {
    struct vkh_piece piece;
    uint32_t first_text;
    uint32_t *methods; // [piece's n_methods]
    uint32_t *lengths; // [piece's n_lengths]
};

// What is put together: `results` has the block, n_texts, n_methods and n_lengths, and methods and
// lengths in their order; a cell that two pieces have is alike in both.
struct vkh_assembly {
    struct vkh_place *places;
    uint32_t n_places;
};

// Fills everything else of `results`, in the arena. VKH_ERR_ARGUMENT when a cell is in no piece,
// or pieces do not agree in what a method comes to.
enum vkh_status vkh_assemble(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                             const struct vkh_log *log, struct vkh_ppl_results *results);

// The parts of it that are curves and sweeps. VKH_ERR_MEMORY at most.
enum vkh_status vkh_assemble_curves(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                                    const struct vkh_log *log, struct vkh_ppl_results *results);
enum vkh_status vkh_assemble_sweeps(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                                    const struct vkh_log *log, struct vkh_ppl_results *results);

#endif
