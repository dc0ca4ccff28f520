// SPDX-License-Identifier: MIT
#include "graph/rows.h"

#include <math.h>

#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "graph/layer.h"

enum { ROWS_AT_ONCE = 64 };

// Device memory for `most` rows at a time.
struct room {
    uint32_t most;
    struct vkh_buffer *residual; // [most][hidden]
    struct vkh_buffer *out;      // [most] of the widest that is read: hidden, or logits' stride
};

static uint32_t stride_of(const struct vkh_graph *graph)
{
    return vkh_stack_stride(vkh_weights_head_stack(&graph->window.weights));
}

static enum vkh_status make_room(const struct vkh_graph *graph, const struct vkh_rows *rows,
                                 struct room *room)
{
    const uint64_t hidden = graph->config.hidden * UINT64_C(4);
    const uint64_t width = vkh_max_size(hidden, rows->logits ? stride_of(graph) * UINT64_C(4) : 0);
    const uint64_t fitting = vkh_device_caps(graph->device)->max_storage_range / width;
    room->most =
        (uint32_t)vkh_max_size(vkh_min_size(vkh_min_size(rows->n, ROWS_AT_ONCE), fitting), 1);
    const enum vkh_status status = vkh_buffer_create(
        graph->device, "chosen rows", room->most * hidden, VKH_MEMORY_DEVICE, &room->residual);
    if (status != VKH_OK)
        return status;
    return vkh_buffer_create(graph->device, "what is read of them", room->most * width,
                             VKH_MEMORY_DEVICE, &room->out);
}

// n rows of `width` elements that lie `stride` apart.
static enum vkh_status read_rows(struct vkh_stream *stream, const struct vkh_buffer *from,
                                 uint64_t width, uint64_t stride, uint32_t n, float *to)
{
    enum vkh_status status = VKH_OK;
    if (width == stride)
        return vkh_stream_read(stream, to, vkh_range(from, 0, n * width * 4));
    for (uint32_t i = 0; i < n && status == VKH_OK; i++)
        status =
            vkh_stream_read(stream, to + i * width, vkh_range(from, i * stride * 4, width * 4));
    return status;
}

// The n rows from `first` on, n at most room->most.
static enum vkh_status read_some(const struct vkh_graph *graph, struct vkh_stream *stream,
                                 const struct vkh_rows *rows, uint32_t first, uint32_t n,
                                 const struct room *room)
{
    const struct vkh_config *c = &graph->config;
    const struct vkh_range residual = vkh_graph_rows(graph, room->residual, 0, n);
    struct vkh_cmd *cmd = vkh_stream_cmd(stream);
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < n; i++)
        vkh_cmd_copy(cmd, vkh_graph_residual(graph, rows->rows[first + i], 1),
                     vkh_graph_rows(graph, room->residual, i, 1));
    if (rows->hidden) {
        const struct vkh_rmsnorm_args args =
            vkh_graph_norm_args(graph, residual, graph->window.weights.output_norm, room->out, n);
        vkh_rmsnorm_record(&graph->norm, cmd, &args);
        status = read_rows(stream, room->out, c->hidden, c->hidden, n,
                           rows->hidden + (uint64_t)first * c->hidden);
    }
    if (status == VKH_OK && rows->logits) {
        vkh_graph_logits(graph, stream, residual, room->out, n);
        status = read_rows(stream, room->out, c->vocab, stride_of(graph), n,
                           rows->logits + (uint64_t)first * c->vocab);
    }
    return status;
}

static void cap(float *logits, uint64_t n, float soft_cap)
{
    for (uint64_t i = 0; soft_cap > 0.0f && i < n; i++)
        logits[i] = soft_cap * tanhf(logits[i] / soft_cap);
}

enum vkh_status vkh_rows_read(const struct vkh_graph *graph, struct vkh_stream *stream,
                              const struct vkh_rows *rows)
{
    struct room room = {0};
    enum vkh_status status = make_room(graph, rows, &room);
    for (uint32_t i = 0; i < rows->n && status == VKH_OK; i += room.most)
        status = read_some(graph, stream, rows, i, (uint32_t)vkh_min_size(room.most, rows->n - i),
                           &room);
    if (status == VKH_OK && rows->logits)
        cap(rows->logits, (uint64_t)rows->n * graph->config.vocab,
            (float)graph->config.final_soft_cap);
    if (status != VKH_OK)
        vkh_stream_finish(stream); // what was recorded uses them
    vkh_buffer_destroy(&room.out);
    vkh_buffer_destroy(&room.residual);
    return status;
}
