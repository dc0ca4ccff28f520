// SPDX-License-Identifier: MIT
// A published table, to be shown beside a measured one.
//
// A text file: lines that begin with '#' are comments, the first of them its title; every other
// line is length,tokens,ppl,method: the length that was aimed at, the tokens that the text really
// had, the PPL, and the method to the end of the line, in canonical spelling.
#ifndef VKH_REPORT_REFERENCE_H
#define VKH_REPORT_REFERENCE_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "base/arena.h"

struct vkh_reference_row {
    uint32_t length, tokens;
    double ppl;
    const char *method;
};

struct vkh_reference {
    const char *title; // "" without one
    struct vkh_reference_row *rows;
    uint32_t n_rows;
};

// VKH_ERR_IO, or VKH_ERR_FORMAT with a line that names the file's line. Lives in the arena; its
// texts are safe to print.
enum vkh_status vkh_reference_read(const char *path, const struct vkh_log *log,
                                   struct vkh_arena *arena, struct vkh_reference *reference);

// NULL when the table has no such cell.
const struct vkh_reference_row *vkh_reference_find(const struct vkh_reference *reference,
                                                   const char *method, uint32_t length);

#endif
