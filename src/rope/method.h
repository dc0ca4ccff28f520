// SPDX-License-Identifier: MIT
// The methods: what each does to positions and frequencies, and their written form.
//
// A method is written as terms joined by '+', each `name` or `name:key=value,key=value`. A term has
// a position map, a frequency schedule, or both. Terms apply from left to right.
//
// A model may scale its rotary frequencies itself. A method without a frequency schedule keeps that
// (`baseline`, `hybrid:cf=2`); one with a schedule takes its place, unless it names it: `own`
// stands for the model's own scaling (`own+yarn:factor=2`), and `plain` for no scaling at all.
#ifndef VKH_ROPE_METHOD_H
#define VKH_ROPE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vkhrope/status.h>

enum { VKH_TERM_PARAMS = 8, VKH_METHOD_TERMS = 32 };

struct vkh_arena;
struct vkh_log;
struct vkh_method;

// What a method is applied to.
struct vkh_rope_setting {
    double base;               // b
    uint32_t dims;             // d, even
    uint32_t original_max_len; // L, at least 1
    uint64_t length;           // tokens of the whole sequence; for schedules that vary with it
    double local_base;         // of layers with a rope of their own; 0: there are none
    // Lists of the model, [d/2]; NULL where it has none: what its frequencies are divided by, and
    // LongRoPE's two.
    const float *factors, *short_factors, *long_factors;
    const struct vkh_method *own; // the model's own scaling; NULL: none
};

struct vkh_method_param {
    const char *name; // NULL past the last
    bool required;
    double usual;       // where it is not given; NAN: the schedule knows what then
    double least, most; // values accepted; most 0: any
    bool above;         // the value must exceed `least`
    bool is_path;       // the value is a file's name
    const char *about;
};

// A file's name in the spec, which outlives the method.
struct vkh_term_path {
    const char *text;
    size_t length;
};

struct vkh_method_term {
    const struct vkh_method_kind *kind;
    double values[VKH_TERM_PARAMS]; // in the order of kind->params
    struct vkh_term_path path;      // text NULL: not given
};

// The frequencies that terms work on.
struct vkh_turns {
    double *theta; // radians a token, [d/2]
    double scale;  // what cos and sin are multiplied by
    struct vkh_arena *arena;
    const struct vkh_log *log;
};

// One row of the registry.
struct vkh_method_kind {
    const char *name, *about;
    struct vkh_method_param params[VKH_TERM_PARAMS];
    const char *example; // a spec of this kind alone
    // What is wrong with values that are each in range; NULL when nothing, or no such function.
    const char *(*check)(const struct vkh_method_term *term);
    // The place of position p >= 0; NULL: p itself. Never decreasing, and the same at every
    // setting->length.
    double (*position)(const struct vkh_method_term *term, const struct vkh_rope_setting *setting,
                       double p);
    // Changes the frequencies and the scale; NULL: leaves them.
    enum vkh_status (*frequencies)(const struct vkh_method_term *term,
                                   const struct vkh_rope_setting *setting, struct vkh_turns *turns);
    bool is_own;        // stands for the model's own scaling
    const char *varies; // how the schedule changes with setting->length; NULL: it does not
};

const struct vkh_method_kind *vkh_method_kinds(size_t *n);

// "hybrid:cf=NUMBER", "yarn:factor=NUMBER[,beta_fast=NUMBER]…": the bytes the whole has; writes as
// many as fit, terminated when size > 0.
size_t vkh_method_usage(const struct vkh_method_kind *kind, char *text, size_t size);

struct vkh_method {
    struct vkh_method_term terms[VKH_METHOD_TERMS];
    uint32_t n_terms; // 0: baseline
};

// VKH_ERR_ARGUMENT, with a line that names the method, the term and what is accepted, for an
// unknown name or key, a missing or repeated key, a value out of range, a term given twice, and two
// position maps. `spec` must outlive the method.
enum vkh_status vkh_method_parse(const char *spec, const struct vkh_log *log,
                                 struct vkh_method *method);

// The terms that are applied to a model: its own scaling where the method keeps it.
void vkh_method_resolve(const struct vkh_method *method, const struct vkh_method *own,
                        struct vkh_method *resolved);

// Whether the method says itself what frequencies it has, so that the model's own are not implied.
bool vkh_method_has_schedule(const struct vkh_method *method);

// Writes the canonical form, cut to size - 1 bytes and terminated when size > 0. Returns the bytes
// the whole form has. No terms: "baseline".
size_t vkh_method_spell(const struct vkh_method *method, char *text, size_t size);

// Why a resolved method needs a pass for each length: "dynamic-ntk: the base grows with the
// length"'s two halves; false when it does not.
bool vkh_method_varies(const struct vkh_method *resolved, const char **name, const char **why);

#endif
