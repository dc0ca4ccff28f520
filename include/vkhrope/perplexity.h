// SPDX-License-Identifier: MIT
// Perplexity of a text at several lengths by several RoPE methods.
//
// PPL at length n = exp(mean NLL of tokens 1 … n-1, each given all before it), positions from 0:
// what a Hugging Face forward with labels gives.
#ifndef VKHROPE_PERPLEXITY_H
#define VKHROPE_PERPLEXITY_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

// How far a run is, in tokens of device work over all methods.
struct vkh_ppl_progress {
    uint64_t done, total;
    const char *method; // the one at work; "shared prefix" before the methods part
};

// How keys and values are kept. Halves take half the memory and round each element by up to 2^-11.
enum vkh_kv_type {
    VKH_KV_AUTO, // F32 where that fits the device's memory, else F16
    VKH_KV_F32,
    VKH_KV_F16,
};

struct vkh_ppl_options {
    const int32_t *ids; // the text; each in [0, vocab)
    uint64_t n_ids;
    const uint32_t *lengths; // tokens, each in [2, n_ids]; any order
    uint32_t n_lengths;
    // "baseline", "hybrid:cf=2", "linear:factor=4", or terms joined by '+'
    const char *const *methods;
    uint32_t n_methods;
    uint32_t original_max_len; // L of the methods; 0: the model's context length
    uint32_t chunk; // tokens at once, rounded to what the kernels take; 0: for the device
    enum vkh_kv_type kv_type;
    bool separate; // no shared prefix, one pass a length: slower, for checking
    bool keep_nll; // fill vkh_ppl_results.nll
    // Called between chunks; false ends the run with VKH_ERR_CANCELLED. May be NULL.
    bool (*progress)(void *user, const struct vkh_ppl_progress *progress);
    void *user;
};

struct vkh_ppl_cell {
    const char *method;
    uint32_t length;
    uint32_t tokens_scored;     // length - 1
    double nll;                 // mean, in nats
    double ppl;                 // exp(nll)
    double standard_error;      // of ppl: ppl * deviation of the NLL / sqrt(tokens_scored)
    bool compression_active;    // some token below `length` has other angles than without a method
    double vs_baseline_percent; // (baseline - ppl) / baseline * 100; NaN without a baseline
    // Wall time of this method up to this length, shared prefix included; interpolated inside a
    // chunk.
    double seconds;
    double tokens_per_second; // length / seconds
};

// Device bytes. KV caches are those alive at once at the worst moment.
struct vkh_ppl_memory {
    uint64_t weights, kv, activations;
    uint64_t peak;       // what the run needs at most
    uint64_t device;     // of the device's largest heap
    bool fits;           // peak is below it
    const char *kv_type; // "F32" or "F16"
};

struct vkh_ppl_results {
    const char *model, *architecture, *weight_type;
    const char *device, *driver;
    const char *variants; // "matmul=floor,attention=floor,…"
    uint32_t original_max_len;
    bool original_max_len_from_model;
    uint64_t tokens_available;
    uint32_t chunk;
    uint32_t n_methods, n_lengths;
    const char **methods;       // as asked for, canonical spelling: "hybrid:cf=1.5"
    const uint32_t *lengths;    // ascending, without repeats
    struct vkh_ppl_cell *cells; // [n_methods][n_lengths]
    // With keep_nll: [n_methods][longest]; that of token t given all before it at t, 0 at t = 0.
    float **nll;
    struct vkh_ppl_memory memory;
    double seconds;         // wall time of the whole evaluation
    double device_seconds;  // of it the device was at work
    double longest_submit;  // seconds
    uint64_t device_tokens; // tokens that went through the layers
};

// What a run would allocate; allocates nothing on the device. The same checks as run.
VKH_API enum vkh_status vkh_ppl_plan(struct vkh_device *device, const struct vkh_model *model,
                                     const struct vkh_ppl_options *options,
                                     const struct vkh_log *log, struct vkh_ppl_memory *memory);

//   VKH_ERR_ARGUMENT       an option out of its range: a length beyond the text, an id outside the
//                          vocabulary, a method unknown or malformed
//   VKH_ERR_DEVICE_MEMORY  the device has not enough memory
//   VKH_ERR_INTERNAL       a result was not finite
// On success *results is the caller's, to be given to vkh_ppl_results_destroy. It does not depend
// on the model, the device or the options afterwards.
VKH_API enum vkh_status vkh_ppl_run(struct vkh_device *device, const struct vkh_model *model,
                                    const struct vkh_ppl_options *options,
                                    const struct vkh_log *log, struct vkh_ppl_results **results);
VKH_API void vkh_ppl_results_destroy(struct vkh_ppl_results **results);

// The kernel variants that the forward pass of a model with F16 weights would use on a device.
// Calls `visit` for each operation and variant, in the order of preference, worst first.
VKH_API enum vkh_status vkh_ppl_variants(struct vkh_device *device,
                                         void (*visit)(void *user, const char *operation,
                                                       const char *variant, bool supported,
                                                       bool chosen, uint32_t missing_caps),
                                         void *user);

#ifdef __cplusplus
}
#endif
#endif
