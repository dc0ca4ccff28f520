// SPDX-License-Identifier: MIT
// The methods: what each does to positions and frequencies, and their written form.
//
// A method is written as terms joined by '+', each `name` or `name:key=value,key=value`. A term has
// a position map, a frequency schedule, or both; `baseline` has neither. Terms apply from left to
// right.
#ifndef VKH_ROPE_METHOD_H
#define VKH_ROPE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vkhrope/status.h>

enum { VKH_TERM_PARAMS = 4, VKH_METHOD_TERMS = 8 };

struct vkh_log;

// What a method is applied to.
struct vkh_rope_setting {
    double base;               // b
    uint32_t dims;             // d, even
    const float *factors;      // [d/2], what each frequency is divided by; NULL: by nothing
    uint32_t original_max_len; // L, at least 1
    uint64_t length;           // tokens of the whole sequence; for length-dependent kinds only
    double local_base;         // of layers with a rope of their own; 0: there are none
};

struct vkh_method_param {
    const char *name; // NULL past the last
    double least;     // the smallest value accepted
};

// One row of the registry. `values` are in the order of `params`.
struct vkh_method_kind {
    const char *name;
    struct vkh_method_param params[VKH_TERM_PARAMS];
    // The place of position p >= 0; NULL: p itself. One-to-one and increasing.
    double (*position)(const double *values, const struct vkh_rope_setting *setting, double p);
    // Changes the frequencies (radians a token, [d/2]) and returns what cos and sin are multiplied
    // by; NULL: leaves them, 1.
    double (*frequencies)(const double *values, const struct vkh_rope_setting *setting,
                          double *theta);
    bool length_dependent; // the schedule changes with setting->length
};

const struct vkh_method_kind *vkh_method_kinds(size_t *n);

struct vkh_method {
    struct {
        const struct vkh_method_kind *kind;
        double values[VKH_TERM_PARAMS];
    } terms[VKH_METHOD_TERMS];
    uint32_t n_terms; // 0: baseline
};

// VKH_ERR_ARGUMENT, with a line that names the method, the term and what is accepted, for an
// unknown name or key, a missing or repeated key, a value out of range, a term given twice, and two
// position maps.
enum vkh_status vkh_method_parse(const char *spec, const struct vkh_log *log,
                                 struct vkh_method *method);

// Writes the canonical form, cut to size - 1 bytes and terminated when size > 0. Returns the bytes
// the whole form has.
size_t vkh_method_spell(const struct vkh_method *method, char *text, size_t size);

bool vkh_method_length_dependent(const struct vkh_method *method);

#endif
