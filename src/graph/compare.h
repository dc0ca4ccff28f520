// SPDX-License-Identifier: MIT
// Two lanes' distributions of the next token, compared: the logits of some tokens at a time by
// either lane, and kernels/kl.h over them. Logits of more tokens never exist.
#ifndef VKH_GRAPH_COMPARE_H
#define VKH_GRAPH_COMPARE_H

#include "graph/graph.h"
#include "kernels/kl.h"

struct vkh_comparison {
    const struct vkh_graph *p, *q; // may be the same
    uint32_t n_tokens;             // at a time
    struct vkh_kl kl;
    struct vkh_buffer *p_logits, *q_logits;
};

// Device bytes, for graphs of at least `chunk` tokens. VKH_ERR_UNSUPPORTED when the vocabulary is
// too large for the device.
enum vkh_status vkh_comparison_plan(struct vkh_device *device, uint32_t vocab, uint32_t chunk,
                                    uint64_t *bytes);

// Of graphs of one vocabulary, whose plans have them compared. They must outlive the comparison.
enum vkh_status vkh_comparison_create(struct vkh_device *device, const struct vkh_graph *p,
                                      const struct vkh_graph *q, struct vkh_comparison *comparison);
void vkh_comparison_destroy(struct vkh_comparison *comparison);

struct vkh_comparison_args {
    struct vkh_range p, q;    // rows of either graph, as vkh_graph_residual's
    struct vkh_range targets; // int32 [n]; -1: not scored, 0 and the same
    struct vkh_range out;     // struct vkh_ppl_token_kl [n]
    uint32_t n;
};

void vkh_comparison_record(const struct vkh_comparison *comparison, struct vkh_stream *stream,
                           const struct vkh_comparison_args *args);

#endif
