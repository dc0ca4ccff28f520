// SPDX-License-Identifier: MIT
#include "graph/rows.h"

#include <math.h>

#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "graph/graph.h"
#include "kernels/matmul.h"

enum { ROWS_AT_ONCE = 64 };

static struct vkh_range hidden_row(const struct vkh_graph *graph, uint32_t row)
{
    const uint64_t bytes = vkh_graph_head(graph)->cols * 4;
    return vkh_range(vkh_graph_hidden(graph), row * bytes, bytes);
}

enum vkh_status vkh_rows_hidden(const struct vkh_graph *graph, struct vkh_stream *stream,
                                const uint32_t *rows, uint32_t n, float *hidden)
{
    const uint64_t width = vkh_graph_head(graph)->cols;
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        status = vkh_stream_read(stream, hidden + i * width, hidden_row(graph, rows[i]));
    return status;
}

// Up to ROWS_AT_ONCE of them, through buffers that hold as many.
static enum vkh_status some_logits(const struct vkh_graph *graph, const struct vkh_matmul *matmul,
                                   struct vkh_stream *stream, const uint32_t *rows, uint32_t n,
                                   const struct vkh_buffer *x, const struct vkh_buffer *out,
                                   float *logits)
{
    const struct vkh_weight *head = vkh_graph_head(graph);
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    const uint64_t row_bytes = head->cols * 4;
    for (uint32_t i = 0; i < n; i++)
        vkh_cmd_copy(cmd, hidden_row(graph, rows[i]), vkh_range(x, i * row_bytes, row_bytes));
    const struct vkh_range result = vkh_range(out, 0, n * head->rows * 4);
    vkh_matmul_record(matmul, cmd,
                      &(struct vkh_matmul_args){
                          .x = vkh_range(x, 0, n * row_bytes),
                          .weight = head,
                          .out = result,
                          .out_stride = (uint32_t)head->rows,
                          .n_tokens = n,
                      });
    return vkh_stream_read(stream, logits, result);
}

enum vkh_status vkh_rows_logits(const struct vkh_graph *graph, struct vkh_device *device,
                                struct vkh_stream *stream, const uint32_t *rows, uint32_t n,
                                float soft_cap, float *logits)
{
    const struct vkh_weight *head = vkh_graph_head(graph);
    const uint64_t fitting = vkh_device_caps(device)->max_storage_range / (head->rows * 4);
    const uint32_t most =
        (uint32_t)vkh_max_size(vkh_min_size(vkh_min_size(n, ROWS_AT_ONCE), fitting), 1);
    struct vkh_matmul matmul;
    struct vkh_buffer *x = NULL, *out = NULL;
    enum vkh_status status = vkh_matmul_create(device, head->type, NULL, &matmul);
    if (status == VKH_OK)
        status =
            vkh_buffer_create(device, "chosen rows", most * head->cols * 4, VKH_MEMORY_DEVICE, &x);
    if (status == VKH_OK)
        status =
            vkh_buffer_create(device, "logits", most * head->rows * 4, VKH_MEMORY_DEVICE, &out);
    for (uint32_t i = 0; i < n && status == VKH_OK; i += most)
        status = some_logits(graph, &matmul, stream, rows + i, (uint32_t)vkh_min_size(most, n - i),
                             x, out, logits + i * head->rows);
    for (uint64_t i = 0; soft_cap > 0.0f && i < n * head->rows; i++)
        logits[i] = soft_cap * tanhf(logits[i] / soft_cap);
    if (status != VKH_OK)
        vkh_stream_finish(stream); // what was recorded uses them
    vkh_buffer_destroy(&out);
    vkh_buffer_destroy(&x);
    return status;
}
