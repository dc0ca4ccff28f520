// SPDX-License-Identifier: MIT
// Causal attention over a whole length in chunks, as the forward pass does it, on random data; a
// sample of the last chunk is held against the reference.
#include "kernels/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/log.h"
#include "base/random.h"
#include "bench.h"

// Rows repeat after this many: primes, so that tiles do not.
enum { DISTINCT_QUERIES = 127, DISTINCT_KEYS = 4093 };
enum { SAMPLED_TOKENS = 3, SAMPLED_HEADS = 3 };
enum { CHUNK = 2048, CHUNK_CPU = 512 };

struct causal {
    struct bench *bench;
    struct vkh_attention_shape shape;
    struct vkh_kv_shape kv_shape;
    uint32_t n_tokens, chunk;
    float *q;         // [DISTINCT_QUERIES][row_elements]
    void *kv;         // [DISTINCT_KEYS][head_dim] as they are kept
    float *kv_values; // the same as numbers
    struct vkh_buffer *q_buffer, *kv_buffer, *out;
    struct vkh_attention attention;
};

static enum vkh_status run(void *user)
{
    const struct causal *c = user;
    const uint64_t q_bytes = (uint64_t)c->shape.row_elements * 4;
    const uint64_t out_bytes = (uint64_t)c->shape.n_heads * c->shape.head_dim * 4;
    for (uint32_t from = 0; from < c->n_tokens; from += c->chunk) {
        const uint32_t n = (uint32_t)vkh_min_size(c->chunk, c->n_tokens - from);
        vkh_attention_record(&c->attention, vkh_stream_cmd(c->bench->stream),
                             &(struct vkh_attention_args){
                                 .q = vkh_range(c->q_buffer, 0, n * q_bytes),
                                 .own = {c->kv_buffer, c->kv_shape},
                                 .first_token = from,
                                 .n_tokens = n,
                                 .out = vkh_range(c->out, 0, n * out_bytes),
                             });
    }
    return VKH_OK;
}

static enum vkh_status make_rows(struct causal *c)
{
    const uint64_t n_q = (uint64_t)DISTINCT_QUERIES * c->shape.row_elements;
    const uint64_t n_kv = (uint64_t)DISTINCT_KEYS * c->shape.head_dim;
    const enum vkh_dtype type = c->shape.half_kv ? VKH_F16 : VKH_F32;
    uint64_t state = 1;
    c->q = malloc(n_q * sizeof(*c->q));
    c->kv_values = malloc(n_kv * sizeof(*c->kv_values));
    c->kv = malloc(n_kv * vkh_kv_element_bytes(&c->kv_shape));
    if (!c->q || !c->kv_values || !c->kv)
        return vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    vkh_random_fill(&state, VKH_F32, c->q, n_q, sqrtf(3.0f));
    vkh_random_fill(&state, type, c->kv, n_kv, sqrtf(3.0f));
    vkh_dtype_info(type)->to_float(c->kv, c->kv_values, n_kv);
    return VKH_OK;
}

static enum vkh_status prepare(struct causal *c)
{
    struct bench *bench = c->bench;
    const uint64_t kv_row = (uint64_t)c->shape.head_dim * vkh_kv_element_bytes(&c->kv_shape);
    if (vkh_kv_heads_per_binding(&c->kv_shape, vkh_device_caps(bench->device)->max_storage_range) ==
        0)
        return vkh_fail(&bench->log, VKH_ERR_ARGUMENT,
                        "length %u: one head's keys and values (%llu bytes) exceed what %s binds "
                        "at once",
                        c->n_tokens, (unsigned long long)vkh_kv_head_bytes(&c->kv_shape),
                        vkh_device_caps(bench->device)->device_name);
    enum vkh_status status = make_rows(c);
    if (status == VKH_OK)
        status = bench_buffer_repeat(bench, "queries", c->q, (uint64_t)c->shape.row_elements * 4,
                                     DISTINCT_QUERIES, c->chunk, &c->q_buffer);
    if (status == VKH_OK)
        status = bench_buffer_repeat(bench, "keys and values", c->kv, kv_row, DISTINCT_KEYS,
                                     vkh_kv_bytes(&c->kv_shape) / kv_row, &c->kv_buffer);
    if (status == VKH_OK)
        status = vkh_buffer_create(bench->device, "attention output",
                                   (uint64_t)c->chunk * c->shape.n_heads * c->shape.head_dim * 4,
                                   VKH_MEMORY_DEVICE, &c->out);
    if (status == VKH_OK)
        status = vkh_attention_create(bench->device, &c->shape, NULL, &c->attention);
    return status;
}

static void release(struct causal *c)
{
    vkh_buffer_destroy(&c->q_buffer);
    vkh_buffer_destroy(&c->kv_buffer);
    vkh_buffer_destroy(&c->out);
    free(c->q);
    free(c->kv_values);
    free(c->kv);
}

// Token `slot` of the last chunk, which starts at `first`, and one head by the reference.
static enum vkh_status reference(const struct causal *c, uint32_t first, uint32_t slot,
                                 uint32_t head, float *want)
{
    const uint64_t dim = c->shape.head_dim, n_keys = (uint64_t)first + slot + 1;
    const uint64_t kv_head = head / (c->shape.n_heads / c->shape.n_kv_heads);
    float *planes[2] = {malloc(n_keys * dim * sizeof(float)), malloc(n_keys * dim * sizeof(float))};
    if (!planes[0] || !planes[1]) {
        free(planes[0]);
        free(planes[1]);
        return vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    }
    for (uint64_t plane = 0; plane < 2; plane++) {
        for (uint64_t j = 0; j < n_keys; j++) {
            const uint64_t row = (2 * kv_head + plane) * c->kv_shape.capacity + j;
            memcpy(planes[plane] + j * dim, c->kv_values + row % DISTINCT_KEYS * dim,
                   dim * sizeof(float));
        }
    }
    struct vkh_attention_shape one = c->shape;
    one.n_heads = one.n_kv_heads = 1;
    const float *q = c->q + (uint64_t)(slot % DISTINCT_QUERIES) * c->shape.row_elements;
    vkh_attention_ref(&one, q + head * dim, planes[0], planes[1], (uint32_t)n_keys - 1, 1, 0, want);
    free(planes[0]);
    free(planes[1]);
    return VKH_OK;
}

static enum vkh_status verify(struct causal *c, double *error)
{
    const uint32_t first = (c->n_tokens - 1) / c->chunk * c->chunk, n = c->n_tokens - first;
    const uint64_t dim = c->shape.head_dim, n_samples = SAMPLED_TOKENS * SAMPLED_HEADS;
    float *got = malloc(n_samples * dim * sizeof(*got)),
          *want = malloc(n_samples * dim * sizeof(*want));
    // Not a number where nothing is written.
    vkh_cmd_fill(vkh_stream_cmd(c->bench->stream), vkh_range_all(c->out), 0x7fa5a5a5u);
    enum vkh_status status =
        got && want ? run(c) : vkh_fail(&c->bench->log, VKH_ERR_MEMORY, "attention: out of memory");
    for (uint32_t i = 0; i < n_samples && status == VKH_OK; i++) {
        const uint32_t slot = (n - 1) * (i % SAMPLED_TOKENS) / (SAMPLED_TOKENS - 1);
        const uint32_t head = (c->shape.n_heads - 1) * (i / SAMPLED_TOKENS) / (SAMPLED_HEADS - 1);
        const uint64_t at = ((uint64_t)slot * c->shape.n_heads + head) * dim;
        status = reference(c, first, slot, head, want + i * dim);
        if (status == VKH_OK)
            status = vkh_stream_read(c->bench->stream, got + i * dim,
                                     vkh_range(c->out, at * 4, dim * 4));
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
    const double pairs = 0.5 * c->n_tokens * (c->n_tokens + 1.0);
    json_t *row = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f}",              // one value a key
                            "variant", c->attention.variant->name,         //
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
    const uint64_t wanted = bench->args->chunk ? bench->args->chunk
                            : caps->is_cpu     ? CHUNK_CPU
                                               : CHUNK;
    const uint64_t most = caps->max_storage_range / (row_elements * 4) / VKH_KEY_TILE;
    const uint64_t tiles = vkh_min_size(vkh_div_up(wanted, VKH_KEY_TILE), most);
    return (uint32_t)vkh_max_size(tiles, 1) * VKH_KEY_TILE;
}

enum vkh_status bench_attention(struct bench *bench)
{
    const struct vkh_config *c = bench->config;
    const uint32_t row_elements = (c->n_heads + 2 * c->n_kv_heads) * c->head_dim;
    const bool half = bench->args->kv_type != VKH_KV_F32;
    bench->chunk = fitting_chunk(bench, row_elements);
    bench->kv_type = half ? "F16" : "F32";
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
            .kv_shape =
                {
                    .n_kv_heads = c->n_kv_heads,
                    .head_dim = c->head_dim,
                    .capacity = (uint32_t)vkh_round_up(n, VKH_KEY_TILE),
                    .half = half,
                },
            .n_tokens = n,
            .chunk = bench->chunk,
        };
        status = prepare(&causal);
        if (status == VKH_OK)
            status = measure(&causal);
        release(&causal);
    }
    return status;
}
