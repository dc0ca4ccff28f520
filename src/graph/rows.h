// SPDX-License-Identifier: MIT
// Rows of what a graph computed last, read to the host.
#ifndef VKH_GRAPH_ROWS_H
#define VKH_GRAPH_ROWS_H

#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_graph;
struct vkh_stream;

// `n` tokens of the chunk recorded last, by their offsets in it. What is NULL is not read.
struct vkh_rows {
    const uint32_t *rows;
    uint32_t n;
    float *hidden; // fp32 [n][hidden]: after the final norm, on either tier
    float *logits; // fp32 [n][vocab]: of the token after each, capped as the NLL caps them
};

// For graphs whose plans have them compared. Writes over the final norm's output; the stream is
// finished when it returns.
enum vkh_status vkh_rows_read(const struct vkh_graph *graph, struct vkh_stream *stream,
                              const struct vkh_rows *rows);

#endif
