// SPDX-License-Identifier: MIT
// A range in a method's written form: "hybrid:cf=1.2..3.0:0.1".
#ifndef VKH_ROPE_SWEEP_H
#define VKH_ROPE_SWEEP_H

#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_arena;
struct vkh_log;

enum { VKH_SWEEP_MOST = 1000 };

struct vkh_sweep {
    const char *parameter; // "cf"
    uint32_t n;
    const char **specs; // [n], the method with each value in the range's place
    double *values;     // [n]
};

// A range is KEY=LOW..HIGH:STEP, LOW and HIGH included; the spec has exactly one. VKH_ERR_ARGUMENT
// when it has not, the range is empty or longer than VKH_SWEEP_MOST, reaches beyond nine
// millions, or LOW is no multiple of a billionth. The specs are not yet
// parsed. Lives in the arena.
enum vkh_status vkh_sweep_expand(const char *spec, struct vkh_arena *arena,
                                 const struct vkh_log *log, struct vkh_sweep *sweep);

#endif
