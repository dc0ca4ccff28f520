// SPDX-License-Identifier: MIT
// Rows of what a graph computed last, read to the host.
#ifndef VKH_GRAPH_ROWS_H
#define VKH_GRAPH_ROWS_H

#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_device;
struct vkh_graph;
struct vkh_stream;

// The hidden states, after the final norm, of `n` tokens of the chunk recorded last, by their
// offsets in it: fp32 [n][hidden]. The stream is finished when it returns.
enum vkh_status vkh_rows_hidden(const struct vkh_graph *graph, struct vkh_stream *stream,
                                const uint32_t *rows, uint32_t n, float *hidden);

// The logits of the token after each of them: fp32 [n][vocab], capped as head_nll caps them.
enum vkh_status vkh_rows_logits(const struct vkh_graph *graph, struct vkh_device *device,
                                struct vkh_stream *stream, const uint32_t *rows, uint32_t n,
                                float soft_cap, float *logits);

#endif
