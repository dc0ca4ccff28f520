// SPDX-License-Identifier: MIT
// Perplexity of texts at several lengths by several RoPE methods.
//
// PPL at length n = exp(mean NLL of the first n tokens of a text, as far as they are scored). What
// is scored, and given what, is the regime's to say; in the usual one each of tokens 1 … n-1 is
// given all before it, positions from 0: what a Hugging Face forward with labels gives.
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
    uint64_t resumed;   // of `done`, by the runs that the checkpoint tells of
};

// How keys and values are kept. Halves take half the memory and round each element by up to 2^-11.
// GGML's Q8_0 takes 8.5 bits an element and rounds by up to 1/254 of the greatest magnitude of the
// 32 that share a scale; one layer's are unpacked at a time, to halves on cooperative matrices,
// else to fp32.
enum vkh_kv_type {
    VKH_KV_AUTO, // F32 where a run with it fits the memory, layer by layer if need be, else F16
    VKH_KV_F32,
    VKH_KV_F16,
    VKH_KV_Q8_0,
};

// How a run goes through the model. The numbers are the same, to the last bit.
enum vkh_ppl_walk {
    // Each chunk through all layers. All weights and all layers' keys and values are on the device.
    VKH_WALK_CHUNKS,
    // All chunks through a layer, then through the next: of keys and values one layer's are there,
    // instead of them the residual stream of every token at work.
    VKH_WALK_LAYERS,
    // The same, and of the weights those of two layers, each uploaded while the device computes the
    // one before it; the embedding and the head by themselves.
    VKH_WALK_STREAMED,
};
#define VKH_WALKS 3
VKH_API const char *vkh_ppl_walk_name(enum vkh_ppl_walk walk); // "chunks", "layers", "streamed"

enum vkh_ppl_regime_kind {
    // One pass from position 0: token t, from 1 on, given the t before it.
    VKH_REGIME_PREFIX,
    // Windows of `window` tokens that begin `stride` apart, each at position 0. Every token from 1
    // on is scored once, in the first window that reaches it: given all before it in the first
    // window, and from window - stride to window - 1 tokens in the others. Hugging Face's guide.
    VKH_REGIME_WINDOW,
    // Disjoint windows of `window` tokens, each from position 0, of which the tokens after the
    // first
    // window / 2 + 1 are scored; an incomplete last window is left out. llama.cpp's
    // llama-perplexity.
    VKH_REGIME_CHUNKED,
};

struct vkh_ppl_regime {
    enum vkh_ppl_regime_kind kind;
    uint32_t window; // tokens: 2 or more, 4 or more where chunked
    uint32_t stride; // of VKH_REGIME_WINDOW, in [1, window - 1]
    bool has_bos;    // only where chunked: `bos` takes the place of each window's first token
    int32_t bos;     // in [0, vocab)
};

// Whether token `t` of a text's first n is scored.
VKH_API bool vkh_ppl_regime_scores(const struct vkh_ppl_regime *regime, uint32_t t, uint32_t n);

// The tokens that token `t` is given, which is also its index from its window's beginning.
VKH_API uint32_t vkh_ppl_regime_context(const struct vkh_ppl_regime *regime, uint32_t t);

struct vkh_ppl_text {
    const char *name;   // for the results; may be NULL
    const int32_t *ids; // each in [0, vocab)
    uint64_t n_ids;     // 2 or more; a window or more where chunked
};

// One of `count` parts, from 1 to count; zeroed: the whole. Texts are dealt out first: a part has
// neighbouring texts, about as many tokens as the others. Where parts outnumber texts, those of one
// text share out its methods, in order. A part computes the prefix that its methods share by
// itself. With kl, methods alone are shared out, and each part computes what they are compared
// with.
struct vkh_ppl_share {
    uint32_t index, count;
};

struct vkh_ppl_options {
    const int32_t *ids; // one text; each in [0, vocab)
    uint64_t n_ids;
    const struct vkh_ppl_text *texts; // or several, which `ids` is not one of
    uint32_t n_texts;
    struct vkh_ppl_regime regime; // zeroed: VKH_REGIME_PREFIX
    // Tokens, each from 2 to the longest text's; any order. In the prefix regime a text shorter
    // than a length has no part in its cells; in the others it is taken as far as it goes.
    const uint32_t *lengths;
    uint32_t n_lengths;
    // "baseline", "hybrid:cf=2", … (vkh_ppl_methods), or terms joined by '+'
    const char *const *methods;
    uint32_t n_methods;
    // Methods with one value that is a range, KEY=LOW..HIGH:STEP: "hybrid:cf=1.2..3.0:0.1". Each
    // value is a method after those above.
    const char *const *sweeps;
    uint32_t n_sweeps;
    // NULL, or the method that all are compared with by KL divergence, token by token. It becomes
    // one of the methods when it is not, unless kl_model is given: another model of the same
    // vocabulary, which it is then computed on.
    const char *kl;
    const struct vkh_model *kl_model;
    // What of the texts and methods to compute. The results of all shards, one a machine, are
    // joined by vkh_report_merge; `part` is of the shard, for vkh_ppl_run_on's devices.
    struct vkh_ppl_share shard, part;
    uint32_t original_max_len; // L of the methods; 0: the model's context length
    uint32_t chunk; // tokens at once, rounded to what the kernels take; 0: for the device
    enum vkh_kv_type kv_type;
    // Bytes of device memory that the run's buffers may take; 0: all that the device has. Where
    // that is too little for VKH_WALK_CHUNKS, the run takes another walk, and then, unless `chunk`
    // is given, fewer tokens at once.
    uint64_t memory;
    bool separate; // no shared prefix, one pass a length: slower, for checking
    bool keep_nll; // fill vkh_ppl_results.nll
    // A file that the run makes and adds each finished chunk to; where it is there, the run goes on
    // from its last one, to the same bits. A failure, a kill or a power cut leaves it. It also
    // stays after the last chunk, for the caller to remove once the results are safe. Takes at
    // most the bytes of the keys and values (vkh_ppl_memory.kv), and with kl 4 for each element of
    // the hidden size of each token that a window's references reach; and twice those of a chunk
    // in host memory. NULL: none.
    const char *checkpoint;
    // Called between chunks; false ends the run with VKH_ERR_CANCELLED. May be NULL.
    bool (*progress)(void *user, const struct vkh_ppl_progress *progress);
    void *user;
};

struct vkh_ppl_cell {
    const char *method;
    uint32_t length;
    uint64_t tokens_scored; // of all texts
    double nll;             // mean over these tokens, in nats
    double ppl;             // exp(nll)
    double standard_error;  // of ppl: ppl * deviation of the NLL / sqrt(tokens_scored)
    uint32_t texts;         // that have a part in it
    // Between texts: of ppl, were other texts of the kind taken; NaN with one text.
    double text_error;
    // Every text alike, however long: exp(mean of the texts' mean NLLs), and its error between
    // them.
    double macro_nll, macro_ppl, macro_error;
    bool compression_active;    // some token below `length` has other angles than without a method
    double vs_baseline_percent; // (baseline - ppl) / baseline * 100; NaN without a baseline
    // Wall time of this method up to this length, shared prefix included; interpolated inside a
    // chunk.
    double seconds;
    double tokens_per_second; // length / seconds
};

// One text's part in a cell, or in a curve's bucket. tokens_scored 0: none, and the rest is NaN.
struct vkh_ppl_text_cell {
    uint32_t tokens_scored;
    double nll, ppl;
    double deviation; // of its tokens' NLL; 0 with one token
};

// How far a method's distributions of the next token are from the reference's, over the scored
// tokens: KL(P||Q) = sum_v P(v) log(P(v) / Q(v)) in nats, P the reference's and Q the method's. 0
// and 1 for the reference itself.
struct vkh_ppl_kl {
    double mean, standard_error;           // of the mean, tokens being independent
    double median, p90, p95, p99, maximum; // percentiles, by linear interpolation
    double same_top;                       // share of tokens whose most probable one is the same
};

struct vkh_ppl_token_kl {
    float kl;
    uint32_t top_differs; // 1: the most probable token is another than the reference's
};

// What a method came to on this model.
struct vkh_ppl_method {
    const char *applied; // with the model's own scaling in it: "llama3:factor=8,…+hybrid:cf=2"
    uint32_t passes;     // over one text at the most; one answers every length unless…
    const char *why;     // …: "dynamic-ntk: its base grows with the length"; NULL with one
    const char *device;  // that computed it, or several joined by ", "
};

// One sweep: its methods, by their index, and the value each has.
struct vkh_ppl_sweep {
    const char *spec, *parameter; // as asked for; "cf"
    uint32_t n;
    const uint32_t *methods; // [n]
    const double *values;    // [n]
    // [n_lengths], which of the n has the lowest PPL; UINT32_MAX where all do as the baseline does.
    uint32_t *best;
};

// NLL against position, which is a token's index from its window's beginning. Buckets without a
// scored token are left out. A method with more than one pass is shown at the longest length, each
// text at the longest that it reaches.
enum vkh_ppl_curve_scale {
    VKH_CURVE_LINEAR, // buckets alike, 64 at the most
    VKH_CURVE_LOG,    // each twice as wide as the one before
    VKH_CURVES,
};
struct vkh_ppl_bucket {
    uint32_t first, end; // positions [first, end)
    uint64_t tokens;     // scored there, over all texts
};
struct vkh_ppl_curve {
    uint32_t n_buckets;
    const struct vkh_ppl_bucket *buckets;
    const double *nll, *standard_error; // [n_methods][n_buckets]
    // [n_texts][n_methods][n_buckets], which these follow from.
    const struct vkh_ppl_text_cell *texts;
};

// How a run is to be done within the memory that it may take, in device bytes. All of it is chosen
// before anything is allocated.
struct vkh_ppl_memory {
    uint64_t weights;     // on the device at once
    uint64_t kv;          // alive at once at the worst moment, with the room to unpack them
    uint64_t activations; // and all the rest
    uint64_t peak;        // what the run needs at most
    uint64_t device;      // of the device's largest heap
    uint64_t limit;       // what it may take: vkh_ppl_options.memory, or the device's
    bool fits;            // peak is within it; else peak is the least that would do
    const char *kv_type;  // "F32", "F16" or "Q8_0"
    enum vkh_ppl_walk walk;
    uint32_t chunk;   // tokens at once
    uint32_t batches; // by layers: of the tokens, each once through all the weights
};

// Which of a run's texts and methods results hold: all, unless they are a shard's.
struct vkh_ppl_block {
    struct vkh_ppl_share shard;
    uint32_t first_text, all_texts, first_method, all_methods;
};

struct vkh_ppl_results {
    const char *model, *architecture, *weight_type;
    const char *device, *driver; // where several had a part, joined by ", "
    const char *variants;        // "matmul=floor,attention=floor,…"; the same
    uint32_t original_max_len;
    bool original_max_len_from_model;
    const char *own_scaling; // the model's own: "llama3:factor=8,…"; "" without one
    struct vkh_ppl_regime regime;
    uint64_t tokens_available; // over all texts
    uint32_t n_texts;
    const char **text_names;      // [n_texts], "" where none was given
    const uint64_t *text_tokens;  // [n_texts], available
    const uint32_t *text_used;    // [n_texts], what the longest length that it reaches takes of it
    const uint64_t *text_digests; // [n_texts], of its ids: the same text has the same
    struct vkh_ppl_block block;
    uint32_t chunk;
    uint32_t n_methods, n_lengths;
    const char **methods;                  // as asked for, canonical spelling: "hybrid:cf=1.5"
    const uint32_t *lengths;               // ascending, without repeats
    struct vkh_ppl_cell *cells;            // [n_methods][n_lengths]
    struct vkh_ppl_text_cell *text_cells;  // [n_texts][n_methods][n_lengths]
    struct vkh_ppl_method *method_details; // [n_methods]
    uint32_t n_sweeps;
    struct vkh_ppl_sweep *sweeps;
    struct vkh_ppl_curve curves[VKH_CURVES];
    // Without a comparison NULL; kl_model is NULL where the reference is of the same model.
    const char *kl_method, *kl_model, *kl_weight_type;
    struct vkh_ppl_kl *kl; // [n_methods][n_lengths]
    // With keep_nll: [n_texts][n_methods], each [text_used]; that of token t at t, 0 where it is
    // not scored. NULL where text_used is 0.
    float **nll;
    struct vkh_ppl_token_kl **token_kl; // the same; NULL without a comparison
    struct vkh_ppl_memory memory;
    // What a checkpoint tells of included, of merged runs the sum: wall time of the whole
    // evaluation; and of it the device was at work, of several devices the sum.
    double seconds;
    double device_seconds;
    double longest_submit;  // seconds
    uint64_t device_tokens; // tokens that went through the layers; again in a later batch: once
    uint32_t n_devices;     // that worked side by side during `seconds`
    // In a merged report the results of another model, regime, … or NULL. All are the first's.
    const struct vkh_ppl_results *next;
};

// What a run would allocate; allocates nothing on the device. The same checks as run.
VKH_API enum vkh_status vkh_ppl_plan(struct vkh_device *device, const struct vkh_model *model,
                                     const struct vkh_ppl_options *options,
                                     const struct vkh_log *log, struct vkh_ppl_memory *memory);

//   VKH_ERR_ARGUMENT       an option out of its range: a length beyond the text, an id outside the
//                          vocabulary, a method unknown, malformed or beyond what the kernels
//                          compute with, a checkpoint that is another run's
//   VKH_ERR_IO             the checkpoint cannot be read or written (a full disk), or another
//                          process uses it
//   VKH_ERR_FORMAT         the checkpoint is damaged, or no checkpoint; a weight is not finite
//   VKH_ERR_UNSUPPORTED    the checkpoint is in the format of another version; the model's own
//                          scaling is beyond what the kernels compute with
//   VKH_ERR_DEVICE_LOST    the device is of no more use; with a checkpoint, a new one can go on
//   VKH_ERR_DEVICE_MEMORY  the device has not enough memory, or binds too little of it at once; the
//                          second fails the plan, too
//   VKH_ERR_INTERNAL       a result was not finite, though the weights are
// On success *results is the caller's, to be given to vkh_ppl_results_destroy. It does not depend
// on the model, the device or the options afterwards.
VKH_API enum vkh_status vkh_ppl_run(struct vkh_device *device, const struct vkh_model *model,
                                    const struct vkh_ppl_options *options,
                                    const struct vkh_log *log, struct vkh_ppl_results **results);

// The same on several devices, each by a thread of its own and with its part of texts and methods
// (vkh_ppl_share); the results are joined. A device may be named twice. `log` and the options'
// callback are called by one thread at a time. VKH_KV_AUTO is what fits every device.
VKH_API enum vkh_status vkh_ppl_run_on(struct vkh_device *const *devices, uint32_t n_devices,
                                       const struct vkh_model *model,
                                       const struct vkh_ppl_options *options,
                                       const struct vkh_log *log, struct vkh_ppl_results **results);
VKH_API void vkh_ppl_results_destroy(struct vkh_ppl_results **results);

// What there is to write in a method: calls `visit` for each term, with how it is written
// ("hybrid:cf=NUMBER"), what it does, and then for each of its keys ("cf", and what it is).
VKH_API void vkh_ppl_methods(void (*visit)(void *user, const char *usage, const char *about),
                             void (*visit_key)(void *user, const char *key, const char *about),
                             void *user);

// All of it in one call: the model opened, the text turned into ids, the device found, the table
// computed, everything but the results released.
struct vkh_perplexity_options {
    const char *model;   // path, as for vkh_model_open
    const char *text;    // UTF-8, by the model's own tokenizer; NULL: those of `table`
    uint64_t text_bytes; // of it
    struct vkh_device_options device;
    // Without lengths: one, the longest text. Without methods: baseline, hybrid:cf=1.5,
    // hybrid:cf=2.
    struct vkh_ppl_options table;
};

// Fails as vkh_model_open, vkh_tokenizer_open, vkh_tokenizer_encode, vkh_device_create and
// vkh_ppl_run do. `log` may be NULL.
VKH_API enum vkh_status vkh_perplexity(const struct vkh_perplexity_options *options,
                                       const struct vkh_log *log, struct vkh_ppl_results **results);

// The kernel variants that the forward pass of a model with F16 weights would use on a device.
// Calls `visit` for each operation and variant, in the order of preference, worst first. Of "tier",
// how what travels between kernels is kept, "rows" has the operations before it and "matrix" the
// "operands", "unpack" (of weights in blocks) and "tile"s after it, none of which is chosen where
// the device has no matrices of use.
VKH_API enum vkh_status vkh_ppl_variants(struct vkh_device *device,
                                         void (*visit)(void *user, const char *operation,
                                                       const char *variant, bool supported,
                                                       bool chosen, uint32_t missing_caps),
                                         void *user);

// What was measured on a device, where it has a cache folder: calls `visit` for each operation,
// type of weights ("" for operations without) and variant, with the seconds that the same work
// took.
VKH_API void vkh_ppl_measured(const struct vkh_device *device,
                              void (*visit)(void *user, const char *operation, const char *type,
                                            const char *variant, double seconds, bool chosen),
                              void *user);
// The file that it is kept in, if there is one; NULL without a cache folder. Lives as long as the
// device.
VKH_API const char *vkh_ppl_measured_file(const struct vkh_device *device);

// Measures F16 weights and every type that was measured before, on any device. What was chosen
// before stays unless another variant is clearly faster.
//   VKH_ERR_ARGUMENT  variants are chosen by hand
//   VKH_ERR_IO        there is no cache folder, or it cannot be written
VKH_API enum vkh_status vkh_ppl_measure(struct vkh_device *device);

#ifdef __cplusplus
}
#endif
#endif
