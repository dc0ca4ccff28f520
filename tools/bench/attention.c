// SPDX-License-Identifier: MIT
// Causal attention over a whole length in chunks, as the forward pass does it, on random data; a
// sample of the last chunk is held against the reference. Keys and values come of the forward
// pass's own rope, at position 0, where it turns nothing; those in 8 bits are unpacked for each
// chunk, and that is part of what is measured.
#include "kernels/attention.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/log.h"
#include "base/random.h"
#include "bench.h"
#include "kernels/attention_matrix.h"
#include "kernels/kv_pack.h"
#include "kernels/rope_matrix.h"

// A chunk's rows repeat after this many: a prime, so that tiles do not.
enum { DISTINCT_ROWS = 1021 };
enum { SAMPLED_TOKENS = 3, SAMPLED_HEADS = 3 };
enum { CHUNK = 2048, CHUNK_MATRIX = 8192, CHUNK_CPU = 512 }; // as vkh_graph_plan

struct causal {
    struct bench *bench;
    struct vkh_attention_shape shape;
    struct vkh_kv_shape kv_shape; // as it is kept
    uint32_t n_tokens, chunk;
    float *rows; // [DISTINCT_ROWS][row_elements]: queries, keys, values; halves in value
    struct vkh_buffer *qkv, *zeros, *out;
    struct vkh_buffer *kv;      // as attention reads it
    struct vkh_buffer *packed;  // where that is not how it is kept
    struct vkh_buffer *queries; // as operands of cooperative matrices
    struct vkh_kv_pack pack;
    struct vkh_attention attention;
    struct vkh_attention_matrix tiles;
};

static bool on_matrices(const struct causal *c)
{
    return c->bench->layout.side != 0;
}

static uint64_t width(const struct causal *c)
{
    return (uint64_t)c->shape.n_heads * c->shape.head_dim;
}

// The tokens of the chunk that starts at `from`.
static uint32_t chunk_tokens(const struct causal *c, uint32_t from)
{
    return (uint32_t)vkh_min_size(c->chunk, c->n_tokens - from);
}

static struct vkh_kv_segment unpacked(const struct causal *c)
{
    return (struct vkh_kv_segment){c->kv, vkh_kv_unpacked(&c->kv_shape)};
}

// The first n tokens' keys and values.
static struct vkh_kv_pack_args pack_args(const struct causal *c, uint32_t n)
{
    return (struct vkh_kv_pack_args){{c->packed, c->kv_shape}, unpacked(c), 0, n};
}

static void attend(const struct causal *c, const struct vkh_attention_args *args)
{
    struct vkh_cmd *cmd = vkh_stream_cmd(c->bench->stream);
    if (on_matrices(c))
        vkh_attention_matrix_record(&c->tiles, cmd, args);
    else
        vkh_attention_record(&c->attention, cmd, args);
}

static enum vkh_status run(void *user)
{
    const struct causal *c = user;
    const bool matrices = on_matrices(c);
    for (uint32_t from = 0; from < c->n_tokens; from += c->chunk) {
        const uint32_t n = chunk_tokens(c, from);
        const struct vkh_kv_pack_args seen = pack_args(c, from + n);
        if (c->kv_shape.packed)
            vkh_kv_unpack_record(&c->pack, vkh_stream_cmd(c->bench->stream), &seen);
        attend(c,
               &(struct vkh_attention_args){
                   .q = matrices ? vkh_range_all(c->queries)
                                 : vkh_range(c->qkv, 0, (uint64_t)n * c->shape.row_elements * 4),
                   .own = unpacked(c),
                   .first_token = from,
                   .n_tokens = n,
                   .out = matrices ? vkh_range_all(c->out) : vkh_range(c->out, 0, n * width(c) * 4),
               });
    }
    return VKH_OK;
}

static enum vkh_status make_rows(struct causal *c)
{
    const uint64_t n = (uint64_t)DISTINCT_ROWS * c->shape.row_elements;
    uint16_t *halves = malloc(n * sizeof(*halves));
    uint64_t state = 1;
    c->rows = malloc(n * sizeof(*c->rows));
    if (!halves || !c->rows) {
        free(halves);
        return vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    }
    vkh_random_fill(&state, VKH_F16, halves, n, sqrtf(3.0f));
    vkh_dtype_info(VKH_F16)->to_float(halves, c->rows, n);
    free(halves);
    return VKH_OK;
}

static enum vkh_status make_buffers(struct causal *c)
{
    struct bench *bench = c->bench;
    const uint64_t left = on_matrices(c) ? vkh_left_bytes(&bench->layout, c->chunk, width(c)) : 0;
    const struct vkh_kv_shape read = vkh_kv_unpacked(&c->kv_shape);
    const uint64_t zeros = vkh_max_size(c->chunk, c->shape.head_dim / 2) * 8;
    const struct {
        struct vkh_buffer **buffer;
        const char *name;
        uint64_t bytes;
    } buffers[] = {
        {&c->zeros, "positions", zeros},
        {&c->kv, "keys and values", vkh_kv_bytes(&read)},
        {&c->packed, "packed keys and values", c->kv_shape.packed ? vkh_kv_bytes(&c->kv_shape) : 0},
        {&c->out, "attention output", on_matrices(c) ? left : c->chunk * width(c) * 4},
        {&c->queries, "queries", left},
    };
    enum vkh_status status =
        bench_buffer_repeat(bench, "queries, keys, values", c->rows,
                            (uint64_t)c->shape.row_elements * 4, DISTINCT_ROWS, c->chunk, &c->qkv);
    for (size_t i = 0; i < VKH_COUNTOF(buffers) && status == VKH_OK; i++)
        if (buffers[i].bytes)
            status = vkh_buffer_create(bench->device, buffers[i].name, buffers[i].bytes,
                                       VKH_MEMORY_DEVICE, buffers[i].buffer);
    if (status != VKH_OK)
        return status;
    vkh_cmd_fill(vkh_stream_cmd(bench->stream), vkh_range_all(c->zeros), 0);
    vkh_cmd_fill(vkh_stream_cmd(bench->stream), vkh_range_all(c->kv), 0);
    return VKH_OK;
}

// Keys and values of all chunks, and the last one's queries, which is the one that is verified: for
// the others they are random numbers, if it is shorter.
static enum vkh_status rotate(struct causal *c)
{
    const struct vkh_attention_shape *a = &c->shape;
    const struct vkh_rope_shape shape = {a->n_heads,  a->n_kv_heads, a->head_dim,
                                         a->head_dim, false,         a->half_kv};
    struct vkh_cmd *cmd = vkh_stream_cmd(c->bench->stream);
    struct vkh_rope rope;
    struct vkh_rope_matrix tiles;
    const enum vkh_status status =
        on_matrices(c) ? vkh_rope_matrix_create(c->bench->device, &c->bench->layout, &shape, &tiles)
                       : vkh_rope_create(c->bench->device, &shape, &rope);
    for (uint32_t from = 0; from < c->n_tokens && status == VKH_OK; from += c->chunk) {
        const uint32_t n = chunk_tokens(c, from);
        const struct vkh_rope_args args = {
            .qkv = vkh_range(c->qkv, 0, (uint64_t)n * a->row_elements * 4),
            .positions = vkh_range(c->zeros, 0, (uint64_t)n * 8),
            .frequencies = vkh_range(c->zeros, 0, (uint64_t)a->head_dim / 2 * 8),
            .kv = unpacked(c),
            .first_slot = from,
            .n_tokens = n,
            .attention_scale = 1.0f,
        };
        if (on_matrices(c))
            vkh_rope_matrix_record(
                &tiles, cmd,
                &(struct vkh_rope_matrix_args){.rope = args,
                                               .q = vkh_range_all(c->queries),
                                               .query_scale = vkh_attention_matrix_query_scale(a)});
        else
            vkh_rope_kv_record(&rope, cmd, &args);
    }
    return status;
}

static enum vkh_status pack(struct causal *c)
{
    const struct vkh_kv_pack_args all = pack_args(c, c->n_tokens);
    const enum vkh_status status =
        vkh_kv_pack_create(c->bench->device, &c->bench->layout, c->shape.head_dim, &c->pack);
    if (status == VKH_OK)
        vkh_kv_pack_record(&c->pack, vkh_stream_cmd(c->bench->stream), &all);
    return status;
}

static enum vkh_status prepare(struct causal *c)
{
    struct bench *bench = c->bench;
    const uint64_t range = vkh_device_caps(bench->device)->max_storage_range;
    const uint32_t heads = on_matrices(c) ? c->shape.n_kv_heads : 1; // bound at once
    const struct vkh_kv_shape read = vkh_kv_unpacked(&c->kv_shape);
    if (vkh_kv_heads_per_binding(&read, range) < heads)
        return vkh_fail(&bench->log, VKH_ERR_ARGUMENT,
                        "length %u: the keys and values of %u heads (%llu bytes) exceed what %s "
                        "binds at once",
                        c->n_tokens, heads, (unsigned long long)(heads * vkh_kv_head_bytes(&read)),
                        vkh_device_caps(bench->device)->device_name);
    enum vkh_status status = make_rows(c);
    if (status == VKH_OK)
        status = make_buffers(c);
    if (status == VKH_OK)
        status = rotate(c);
    if (status == VKH_OK && c->kv_shape.packed)
        status = pack(c);
    if (status != VKH_OK)
        return status;
    return on_matrices(c)
               ? vkh_attention_matrix_create(bench->device, &bench->layout, &c->shape, &c->tiles)
               : vkh_attention_create(bench->device, &c->shape, NULL, &c->attention);
}

static void release(struct causal *c)
{
    struct vkh_buffer **buffers[] = {&c->qkv, &c->zeros, &c->kv, &c->packed, &c->out, &c->queries};
    for (size_t i = 0; i < VKH_COUNTOF(buffers); i++)
        vkh_buffer_destroy(buffers[i]);
    free(c->rows);
}

// What the row of a slot (of the chunk, or of all tokens) has for a head of its queries, keys or
// values, counted through.
static const float *row_head(const struct causal *c, uint32_t slot, uint32_t head)
{
    return c->rows + (uint64_t)(slot % c->chunk % DISTINCT_ROWS) * c->shape.row_elements +
           (uint64_t)head * c->shape.head_dim;
}

// One head of one token as it is kept.
static void keep(const struct causal *c, const float *head, float *kept)
{
    memcpy(kept, head, c->shape.head_dim * sizeof(*kept));
    if (c->kv_shape.packed)
        vkh_kv_round_ref(kept, c->shape.head_dim);
}

// Token `slot` of the last chunk, which starts at `first`, and one head by the reference.
static enum vkh_status reference(const struct causal *c, uint32_t first, uint32_t slot,
                                 uint32_t head, float *want)
{
    const uint32_t dim = c->shape.head_dim, n_keys = first + slot + 1;
    const uint32_t kv_head = head / (c->shape.n_heads / c->shape.n_kv_heads);
    const uint64_t plane = (uint64_t)n_keys * dim;
    float *k = malloc(2 * plane * sizeof(*k));
    if (!k)
        return vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    for (uint32_t j = 0; j < n_keys; j++) {
        const float *key = row_head(c, j, c->shape.n_heads + kv_head);
        keep(c, key, k + (uint64_t)j * dim);
        keep(c, key + c->shape.n_kv_heads * dim, k + plane + (uint64_t)j * dim);
    }
    struct vkh_attention_shape one = c->shape;
    one.n_heads = one.n_kv_heads = 1;
    vkh_attention_ref(&one, row_head(c, slot, head), k, k + plane, n_keys - 1, 1, 0, want);
    free(k);
    return VKH_OK;
}

static enum vkh_status read_head(const struct causal *c, uint32_t slot, uint32_t head, float *got)
{
    const uint64_t dim = c->shape.head_dim, first = head * dim;
    return on_matrices(c)
               ? bench_read_left(c->bench, c->out, width(c), slot, first, dim, got)
               : vkh_stream_read(c->bench->stream, got,
                                 vkh_range(c->out, (slot * width(c) + first) * 4, dim * 4));
}

static enum vkh_status verify(struct causal *c, double *error)
{
    const uint32_t first = (c->n_tokens - 1) / c->chunk * c->chunk, n = c->n_tokens - first;
    const uint64_t dim = c->shape.head_dim, n_samples = SAMPLED_TOKENS * SAMPLED_HEADS;
    float *got = malloc(n_samples * dim * sizeof(*got)),
          *want = malloc(n_samples * dim * sizeof(*want));
    vkh_cmd_fill(vkh_stream_cmd(c->bench->stream), vkh_range_all(c->out), BENCH_NOT_WRITTEN);
    enum vkh_status status =
        got && want ? run(c) : vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    for (uint32_t i = 0; i < n_samples && status == VKH_OK; i++) {
        const uint32_t slot = (n - 1) * (i % SAMPLED_TOKENS) / (SAMPLED_TOKENS - 1);
        const uint32_t head = (c->shape.n_heads - 1) * (i / SAMPLED_TOKENS) / (SAMPLED_HEADS - 1);
        status = reference(c, first, slot, head, want + i * dim);
        if (status == VKH_OK)
            status = read_head(c, slot, head, got + i * dim);
    }
    if (status == VKH_OK)
        status = bench_compare(c->bench, "attention", got, want, n_samples * dim, error);
    free(got);
    free(want);
    return status;
}

static enum vkh_status measure(struct causal *c)
{
    struct bench *bench = c->bench;
    struct bench_times times;
    double error;
    enum vkh_status status = verify(c, &error);
    if (status == VKH_OK)
        status = bench_measure(bench->device, bench->stream, run, c, bench->args->repeat, &times);
    if (status != VKH_OK)
        return status;
    char tile[24] = ""; // queries x heads of a workgroup
    if (on_matrices(c))
        snprintf(tile, sizeof(tile), "%ux%u", c->tiles.block_queries, c->tiles.heads);
    const double pairs = 0.5 * c->n_tokens * (c->n_tokens + 1.0);
    json_t *row = json_pack("{s:s*, s:s*, s:I, s:I, s:I, s:I, s:f}", // one value a key
                            "variant", on_matrices(c) ? NULL : c->attention.variant->name, "tile",
                            *tile ? tile : NULL,                           //
                            "length", (json_int_t)c->n_tokens,             //
                            "n_heads", (json_int_t)c->shape.n_heads,       //
                            "n_kv_heads", (json_int_t)c->shape.n_kv_heads, //
                            "head_dim", (json_int_t)c->shape.head_dim,     //
                            "error", error);
    return bench_add_row(bench, row, &times.device,
                         2.0 * 2.0 * pairs * c->shape.n_heads * c->shape.head_dim);
}

// Tokens at once: as asked for, or as the forward pass does, within what the device binds.
static uint32_t fitting_chunk(const struct bench *bench, uint32_t row_elements)
{
    const struct vkh_caps *caps = vkh_device_caps(bench->device);
    const uint64_t wanted = bench->args->chunk   ? bench->args->chunk
                            : caps->is_cpu       ? CHUNK_CPU
                            : bench->layout.side ? CHUNK_MATRIX
                                                 : CHUNK;
    const uint64_t most = caps->max_storage_range / (row_elements * 4) / VKH_KEY_TILE;
    const uint64_t tiles = vkh_min_size(vkh_div_up(wanted, VKH_KEY_TILE), most);
    return (uint32_t)vkh_max_size(tiles, 1) * VKH_KEY_TILE;
}

enum vkh_status bench_attention(struct bench *bench)
{
    const struct vkh_config *c = bench->config;
    const uint32_t row_elements = (c->n_heads + 2 * c->n_kv_heads) * c->head_dim;
    const bool packed = bench->args->kv_type == VKH_KV_Q8_0;
    const bool half = bench->layout.side || (bench->args->kv_type != VKH_KV_F32 && !packed);
    bench->chunk = fitting_chunk(bench, row_elements);
    const struct vkh_kv_shape kv = {c->n_kv_heads, c->head_dim, 0, half, packed};
    bench->kv_type = vkh_kv_type_name(&kv);
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < bench->args->n_lengths && status == VKH_OK; i++) {
        const uint32_t n = bench->args->lengths[i];
        struct causal causal = {
            .bench = bench,
            .shape =
                {
                    .n_heads = c->n_heads,
                    .n_kv_heads = c->n_kv_heads,
                    .head_dim = c->head_dim,
                    .row_elements = row_elements,
                    .half_kv = half,
                    .scale = 1.0f / sqrtf((float)c->head_dim),
                },
            .kv_shape = kv,
            .n_tokens = n,
            .chunk = bench->chunk,
        };
        causal.kv_shape.capacity = (uint32_t)vkh_round_up(n, VKH_KEY_TILE);
        status = prepare(&causal);
        if (status == VKH_OK)
            status = measure(&causal);
        release(&causal);
    }
    return status;
}
