// SPDX-License-Identifier: MIT
// The forward pass: a model's weights, the kernels chosen for the device, the activations of one
// chunk, and the walk over the layers.
#ifndef VKH_GRAPH_GRAPH_H
#define VKH_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/perplexity.h>
#include <vkhrope/status.h>

#include "gpu/matrix.h"
#include "graph/pass.h"

struct vkh_device;
struct vkh_graph;
struct vkh_model;
struct vkh_stream;

struct vkh_graph_plan {
    uint64_t weights, activations;   // device bytes
    uint64_t loading;                // more of them, while all weights are uploaded
    uint64_t unpacked;               // of the activations: room for weights that are unpacked
    uint32_t chunk;                  // tokens at once, a multiple of VKH_KEY_TILE
    struct vkh_kv_shape kv;          // capacity 0: per pass
    struct vkh_matrix_layout layout; // side 0: rows of fp32 instead of cooperative matrices
    bool post_norms;                 // projections are normed before they are added
    bool compared;                   // vkh_graph_logits will be called
    enum vkh_ppl_walk walk;
};

struct vkh_graph_wish {
    uint32_t chunk;      // 0: chosen for the device
    enum vkh_kv_type kv; // AUTO: F16 with cooperative matrices, else F32; unpacked, Q8_0 is as that
    bool rows;           // no cooperative matrices
    bool compared;       // as in the plan
    enum vkh_ppl_walk walk;
};

// Whether the chunks' residual streams and one layer's keys and values are the caller's.
static inline bool vkh_graph_layered(const struct vkh_graph_plan *plan)
{
    return plan->walk != VKH_WALK_CHUNKS;
}

// Measures first what the device chooses from, where it was not done (graph/tune.h).
struct vkh_graph_plan vkh_graph_plan(struct vkh_device *device, const struct vkh_model *model,
                                     const struct vkh_graph_wish *wish);

// Uploads the weights; where the plan streams them, that goes on through the stream, which must
// then outlive the graph. The model must outlive the graph. `plan` is from vkh_graph_plan.
enum vkh_status vkh_graph_create(struct vkh_device *device, struct vkh_stream *stream,
                                 const struct vkh_model *model, const struct vkh_graph_plan *plan,
                                 struct vkh_graph **graph);
// Another over the weights of `lender`, which must outlive it, with activations of its own.
enum vkh_status vkh_graph_beside(const struct vkh_graph *lender, const struct vkh_graph_plan *plan,
                                 struct vkh_graph **graph);
void vkh_graph_destroy(struct vkh_graph **graph);

const struct vkh_graph_plan *vkh_graph_get_plan(const struct vkh_graph *graph);
// Elements of a row of the residual stream.
uint32_t vkh_graph_hidden_size(const struct vkh_graph *graph);

// "matmul=floor,attention=floor,…": the variants in use. Lives as long as the graph.
const char *vkh_graph_variants(const struct vkh_graph *graph);
// Of these and of those that the other weight types have, what the numbers follow from to the last
// bit: tiles and how weights in blocks are read are left out.
const char *vkh_graph_numerics(const struct vkh_graph *graph);

// Before the final norm, of tokens [from, from + n) of the chunk recorded last: fp32 [n][hidden].
// From a multiple of VKH_KEY_TILE.
struct vkh_range vkh_graph_residual(const struct vkh_graph *graph, uint32_t from, uint32_t n);

// Records the logits, before their soft cap, of n such rows, n at most the chunk: fp32 [n][vocab
// rounded up to a multiple of 4]. The NLL is made of the same. Writes over the final norm's output.
void vkh_graph_logits(const struct vkh_graph *graph, struct vkh_stream *stream,
                      struct vkh_range residual, const struct vkh_buffer *logits, uint32_t n);

// Records the pass's tokens [from, from + n) (offsets in the pass; from a multiple of VKH_KEY_TILE,
// n at most the chunk): their keys and values, and their NLL. Everything before them, the prefix
// included, has been recorded. prefix NULL: the pass starts at token 0.
void vkh_graph_record(struct vkh_graph *graph, struct vkh_stream *stream,
                      const struct vkh_pass *prefix, const struct vkh_pass *pass, uint32_t from,
                      uint32_t n);

// The same by parts, where the plan is layered: the embedding, each layer, the final norm with the
// NLL. A part is entered before it is recorded, first to last; then all chunks of passes are
// recorded for it in order, each with the residual stream that it had: fp32 [n][hidden] at least.
// After some of them the next part may be prepared (graph/window.h).
uint32_t vkh_graph_parts(const struct vkh_graph *graph);
enum vkh_status vkh_graph_enter(struct vkh_graph *graph, uint32_t part);
enum vkh_status vkh_graph_prepare(struct vkh_graph *graph);
struct vkh_graph_chunk {
    const struct vkh_pass *prefix, *pass;
    uint32_t from, n;
    struct vkh_buffer *residual;
};
void vkh_graph_record_part(struct vkh_graph *graph, struct vkh_stream *stream, uint32_t part,
                           const struct vkh_graph_chunk *chunk);

#endif
