// SPDX-License-Identifier: MIT
// The matrix products of a layer on random data, a sample of each held against the reference.
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "graph/tier.h"
#include "model/model.h"
#include "product.h"

uint64_t product_row_bytes(const struct product *p)
{
    return vkh_dtype_bytes(p->type, p->matrix.cols);
}

uint64_t product_sampled(uint64_t n, uint64_t i)
{
    return (n - 1) * i / (SAMPLE - 1);
}

enum vkh_status product_refer(const struct product *p, const uint64_t *rows, uint64_t n_rows,
                              float *want)
{
    const uint64_t cols = p->matrix.cols, bytes = product_row_bytes(p);
    float *x = malloc(SAMPLE * cols * sizeof(*x));
    uint8_t *w = malloc(n_rows * bytes);
    enum vkh_status status = VKH_OK;
    if (x && w) {
        for (uint64_t i = 0; i < SAMPLE; i++)
            memcpy(x + i * cols, p->x + product_sampled(p->n_tokens, i) % DISTINCT_ROWS * cols,
                   cols * sizeof(*x));
        for (uint64_t j = 0; j < n_rows; j++)
            memcpy(w + j * bytes, p->w + rows[j] % DISTINCT_ROWS * bytes, bytes);
        vkh_matmul_ref(x, p->type, w, want, SAMPLE, n_rows, cols, false);
    } else {
        status = vkh_fail(&p->bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    }
    free(x);
    free(w);
    return status;
}

enum vkh_status product_verify_rows(struct product *p, bench_run_fn *run, double *error)
{
    const uint64_t n = p->matrix.rows;
    uint64_t rows[SAMPLE];
    float got[SAMPLE * SAMPLE], want[SAMPLE * SAMPLE], *row = malloc(n * sizeof(*row));
    for (uint64_t j = 0; j < SAMPLE; j++)
        rows[j] = product_sampled(n, j);
    enum vkh_status status =
        row ? product_refer(p, rows, SAMPLE, want)
            : vkh_fail(&p->bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    if (status == VKH_OK) {
        vkh_cmd_fill(vkh_stream_cmd(p->bench->stream), vkh_range_all(p->out),
                     p->matrix.accumulate ? 0 : BENCH_NOT_WRITTEN);
        status = run(p);
    }
    for (uint64_t i = 0; i < SAMPLE && status == VKH_OK; i++) {
        const uint64_t token = product_sampled(p->n_tokens, i);
        status = vkh_stream_read(p->bench->stream, row, vkh_range(p->out, token * n * 4, n * 4));
        for (uint64_t j = 0; j < SAMPLE && status == VKH_OK; j++)
            got[i * SAMPLE + j] = row[rows[j]];
    }
    free(row);
    return status == VKH_OK
               ? bench_compare(p->bench, p->matrix.name, got, want, SAMPLE * SAMPLE, error)
               : status;
}

static enum vkh_status check_blocks(const struct product *p)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(p->type);
    if (p->matrix.cols % info->block_elements == 0)
        return VKH_OK;
    return vkh_fail(&p->bench->log, VKH_ERR_ARGUMENT,
                    "%s: rows of %llu elements do not divide into %s blocks; choose another --type",
                    p->matrix.name, (unsigned long long)p->matrix.cols, info->name);
}

static enum vkh_status prepare(struct product *p, const struct product_tier *tier)
{
    const enum vkh_status blocks = check_blocks(p);
    if (blocks != VKH_OK)
        return blocks;
    struct bench *bench = p->bench;
    const uint64_t n = DISTINCT_ROWS * p->matrix.cols, widest = tier->widest(p);
    const uint64_t range = vkh_device_caps(bench->device)->max_storage_range;
    if (widest > range)
        return vkh_fail(&bench->log, VKH_ERR_ARGUMENT,
                        "length %u: the activations of %s take %llu bytes, and %s binds %llu at "
                        "once",
                        p->n_tokens, p->matrix.name, (unsigned long long)widest,
                        vkh_device_caps(bench->device)->device_name, (unsigned long long)range);
    uint64_t state = 1;
    p->x = malloc(n * sizeof(*p->x));
    p->w = malloc(DISTINCT_ROWS * product_row_bytes(p));
    if (!p->x || !p->w)
        return vkh_fail(&bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    vkh_random_fill(&state, VKH_F32, p->x, n, 1.0f);
    vkh_random_fill(&state, p->type, p->w, n, 1.0f);
    return tier->prepare(p);
}

static void release(struct product *p, const struct product_tier *tier)
{
    tier->release(p);
    vkh_buffer_destroy(&p->x_buffer);
    vkh_buffer_destroy(&p->out);
    free(p->x);
    free(p->w);
}

static enum vkh_status measure(struct product *p, const struct product_tier *tier)
{
    struct bench *bench = p->bench;
    struct bench_times times;
    double error;
    enum vkh_status status = tier->verify(p, &error);
    if (status == VKH_OK)
        status =
            bench_measure(bench->device, bench->stream, tier->run, p, bench->args->repeat, &times);
    if (status != VKH_OK)
        return status;
    char tile[24] = "";
    if (tier->describe_tile)
        tier->describe_tile(p, tile, sizeof(tile));
    const char *unpack = bench->layout.side ? vkh_unpack_name(&bench->layout, p->type) : NULL;
    json_t *row = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:I, s:I, s:I, s:f}", // one value a key
                            "matrix", p->matrix.name,                          //
                            "type", vkh_dtype_info(p->type)->name,             //
                            "variant", tier->variant(p)->name,                 //
                            "unpack", unpack,                                  //
                            "tile", *tile ? tile : NULL,                       //
                            "m", (json_int_t)p->n_tokens,                      //
                            "n", (json_int_t)p->matrix.rows,                   //
                            "k", (json_int_t)p->matrix.cols,                   //
                            "error", error);
    return bench_add_row(bench, row, &times.device,
                         2.0 * p->n_tokens * (double)p->matrix.rows * (double)p->matrix.cols);
}

// The forward pass's tier, if it takes the type.
static const struct product_tier *choose_tier(struct bench *bench, enum vkh_dtype type)
{
    uint32_t n;
    vkh_matmul_matrix_variants(&bench->layout, type, &n);
    if (n == 0)
        bench->layout = (struct vkh_matrix_layout){0};
    return bench->layout.side ? &product_matrix : &product_rows;
}

static enum vkh_status time_product(struct product *p, const struct product_tier *tier)
{
    if (p->matrix.epilogue == VKH_EPILOGUE_NLL && !tier->has_head)
        return VKH_OK;
    enum vkh_status status = prepare(p, tier);
    if (status == VKH_OK)
        status = measure(p, tier);
    release(p, tier);
    return status;
}

enum vkh_status bench_matmul(struct bench *bench)
{
    const struct vkh_config *c = bench->config;
    const uint64_t query = (uint64_t)c->n_heads * c->head_dim;
    const enum vkh_dtype type =
        bench->args->type_given ? bench->args->type : bench->model->layers[0].up->type;
    const struct product_tier *tier = choose_tier(bench, type);
    const struct matrix matrices[] = {
        {"qkv", query + 2 * (uint64_t)c->n_kv_heads * c->head_dim, c->hidden, VKH_EPILOGUE_ROWS,
         false},
        {"o", c->hidden, query, VKH_EPILOGUE_ROWS, true},
        {"up", c->ffn, c->hidden, VKH_EPILOGUE_ROWS, false},
        {"gate and up", 2 * (uint64_t)c->ffn, c->hidden, VKH_EPILOGUE_GLU_SILU, false},
        {"down", c->hidden, c->ffn, VKH_EPILOGUE_ROWS, true},
        {"head", c->vocab, c->hidden, VKH_EPILOGUE_NLL, false},
    };
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < bench->args->n_lengths; i++) {
        for (size_t j = 0; j < VKH_COUNTOF(matrices) && status == VKH_OK; j++) {
            struct product p = {.bench = bench,
                                .matrix = matrices[j],
                                .type = type,
                                .n_tokens = bench->args->lengths[i]};
            status = time_product(&p, tier);
        }
    }
    return status;
}
