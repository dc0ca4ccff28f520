// SPDX-License-Identifier: MIT
// The matrix products of a layer on random data, a sample of each held against the reference.
#include "kernels/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "bench.h"
#include "model/model.h"

// Rows of operands repeat after this many: a prime, so that tiles do not.
enum { DISTINCT_ROWS = 509, SAMPLE = 16 };

struct matrix {
    const char *name;
    uint64_t rows, cols;
};

struct product {
    struct bench *bench;
    struct matrix matrix;
    enum vkh_dtype type;
    uint32_t n_tokens;
    float *x;   // [DISTINCT_ROWS][cols]
    uint8_t *w; // the same of the weight's type
    struct vkh_buffer *x_buffer, *out;
    struct vkh_weight weight;
    struct vkh_matmul matmul;
};

static uint64_t row_bytes(const struct product *p)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(p->type);
    return p->matrix.cols / info->block_elements * info->block_bytes;
}

static enum vkh_status run(void *user)
{
    const struct product *p = user;
    vkh_matmul_record(&p->matmul, vkh_stream_cmd(p->bench->stream),
                      &(struct vkh_matmul_args){
                          .x = vkh_range_all(p->x_buffer),
                          .weight = &p->weight,
                          .out = vkh_range_all(p->out),
                          .out_stride = (uint32_t)p->matrix.rows,
                          .n_tokens = p->n_tokens,
                      });
    return VKH_OK;
}

static enum vkh_status upload_weight(struct product *p)
{
    const uint64_t rows = p->matrix.rows;
    const uint32_t n_parts = (uint32_t)vkh_div_up(rows, DISTINCT_ROWS);
    struct vkh_weight_part *parts = calloc(n_parts, sizeof(*parts));
    if (!parts)
        return vkh_fail(&p->bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    for (uint32_t i = 0; i < n_parts; i++)
        parts[i] = (struct vkh_weight_part){
            p->w, vkh_min_size(DISTINCT_ROWS, rows - (uint64_t)i * DISTINCT_ROWS)};
    const enum vkh_status status =
        vkh_weight_create(p->bench->device, p->bench->stream, p->matrix.name, p->type,
                          p->matrix.cols, parts, n_parts, 0, &p->weight);
    free(parts);
    return status;
}

static enum vkh_status prepare(struct product *p)
{
    struct bench *bench = p->bench;
    const uint64_t n = DISTINCT_ROWS * p->matrix.cols, tokens = p->n_tokens;
    const uint64_t widest = vkh_max_size(p->matrix.rows, p->matrix.cols) * 4 * tokens;
    const uint64_t range = vkh_device_caps(bench->device)->max_storage_range;
    if (widest > range)
        return vkh_fail(&bench->log, VKH_ERR_ARGUMENT,
                        "length %u: the activations of %s take %llu bytes, and %s binds %llu at "
                        "once",
                        p->n_tokens, p->matrix.name, (unsigned long long)widest,
                        vkh_device_caps(bench->device)->device_name, (unsigned long long)range);
    uint64_t state = 1;
    p->x = malloc(n * sizeof(*p->x));
    p->w = malloc(DISTINCT_ROWS * row_bytes(p));
    if (!p->x || !p->w)
        return vkh_fail(&bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    vkh_random_fill(&state, VKH_F32, p->x, n, 1.0f);
    vkh_random_fill(&state, p->type, p->w, n, 1.0f);
    enum vkh_status status = bench_buffer_repeat(bench, "activations", p->x, p->matrix.cols * 4,
                                                 DISTINCT_ROWS, tokens, &p->x_buffer);
    if (status == VKH_OK)
        status = vkh_buffer_create(bench->device, "outputs", tokens * p->matrix.rows * 4,
                                   VKH_MEMORY_DEVICE, &p->out);
    if (status == VKH_OK)
        status = upload_weight(p);
    if (status == VKH_OK)
        status = vkh_matmul_create(bench->device, p->type, NULL, &p->matmul);
    return status;
}

static void release(struct product *p)
{
    vkh_weight_destroy(&p->weight);
    vkh_buffer_destroy(&p->x_buffer);
    vkh_buffer_destroy(&p->out);
    free(p->x);
    free(p->w);
}

// The i-th of SAMPLE indices from 0 to n - 1, both included.
static uint64_t sampled(uint64_t n, uint64_t i)
{
    return (n - 1) * i / (SAMPLE - 1);
}

// Fills want[SAMPLE][SAMPLE] by the reference and got by the device's outputs, row by row.
static enum vkh_status read_sample(struct product *p, float *got, float *want)
{
    const uint64_t cols = p->matrix.cols, rows = p->matrix.rows, bytes = row_bytes(p);
    float *x = malloc(SAMPLE * cols * sizeof(*x)), *row = malloc(rows * sizeof(*row));
    uint8_t *w = malloc(SAMPLE * bytes);
    enum vkh_status status = VKH_OK;
    if (!x || !row || !w)
        status = vkh_fail(&p->bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    for (uint64_t i = 0; i < SAMPLE && status == VKH_OK; i++) {
        const uint64_t token = sampled(p->n_tokens, i);
        memcpy(x + i * cols, p->x + token % DISTINCT_ROWS * cols, cols * sizeof(*x));
        memcpy(w + i * bytes, p->w + sampled(rows, i) % DISTINCT_ROWS * bytes, bytes);
        status =
            vkh_stream_read(p->bench->stream, row, vkh_range(p->out, token * rows * 4, rows * 4));
        for (uint64_t j = 0; j < SAMPLE && status == VKH_OK; j++)
            got[i * SAMPLE + j] = row[sampled(rows, j)];
    }
    if (status == VKH_OK)
        vkh_matmul_ref(x, p->type, w, want, SAMPLE, SAMPLE, cols, false);
    free(x);
    free(row);
    free(w);
    return status;
}

static enum vkh_status verify(struct product *p, double *error)
{
    float got[SAMPLE * SAMPLE], want[SAMPLE * SAMPLE];
    // Not a number where nothing is written.
    vkh_cmd_fill(vkh_stream_cmd(p->bench->stream), vkh_range_all(p->out), 0x7fa5a5a5u);
    enum vkh_status status = run(p);
    if (status == VKH_OK)
        status = read_sample(p, got, want);
    return status == VKH_OK
               ? bench_compare(p->bench, p->matrix.name, got, want, SAMPLE * SAMPLE, error)
               : status;
}

static enum vkh_status measure(struct product *p)
{
    struct bench *bench = p->bench;
    struct bench_times times;
    double error;
    enum vkh_status status = verify(p, &error);
    if (status == VKH_OK)
        status = bench_measure(bench->device, bench->stream, run, p, bench->args->repeat, &times);
    if (status != VKH_OK)
        return status;
    json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:f}", // one value a key
                            "matrix", p->matrix.name,              //
                            "type", vkh_dtype_info(p->type)->name, //
                            "variant", p->matmul.variant->name,    //
                            "m", (json_int_t)p->n_tokens,          //
                            "n", (json_int_t)p->matrix.rows,       //
                            "k", (json_int_t)p->matrix.cols,       //
                            "error", error);
    return bench_add_row(bench, row, &times.device,
                         2.0 * p->n_tokens * (double)p->matrix.rows * (double)p->matrix.cols);
}

enum vkh_status bench_matmul(struct bench *bench)
{
    const struct vkh_config *c = bench->config;
    const uint64_t query = (uint64_t)c->n_heads * c->head_dim;
    const enum vkh_dtype type =
        bench->args->type_given ? bench->args->type : bench->model->layers[0].up->type;
    const struct matrix matrices[] = {
        {"qkv", query + 2 * (uint64_t)c->n_kv_heads * c->head_dim, c->hidden},
        {"o", c->hidden, query},
        {"up", c->ffn, c->hidden},
        {"gate and up", 2 * (uint64_t)c->ffn, c->hidden},
        {"down", c->hidden, c->ffn},
    };
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < bench->args->n_lengths; i++) {
        for (size_t j = 0; j < VKH_COUNTOF(matrices) && status == VKH_OK; j++) {
            struct product p = {.bench = bench,
                                .matrix = matrices[j],
                                .type = type,
                                .n_tokens = bench->args->lengths[i]};
            status = prepare(&p);
            if (status == VKH_OK)
                status = measure(&p);
            release(&p);
        }
    }
    return status;
}
