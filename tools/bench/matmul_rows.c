// SPDX-License-Identifier: MIT
// Products of rows of fp32.
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/upload.h"
#include "product.h"

static uint64_t widest(const struct product *p)
{
    return vkh_max_size(p->matrix.rows, p->matrix.cols) * 4 * p->n_tokens;
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
    struct vkh_upload *upload;
    enum vkh_status status =
        vkh_upload_create(p->bench->device, p->bench->stream, VKH_UPLOAD_PIECE, &upload);
    if (status == VKH_OK)
        status = vkh_weight_create(p->bench->device, upload, p->matrix.name, p->type,
                                   p->matrix.cols, parts, n_parts, 0, &p->rows.weight);
    vkh_upload_destroy(&upload);
    free(parts);
    return status;
}

static enum vkh_status prepare(struct product *p)
{
    struct bench *bench = p->bench;
    enum vkh_status status = bench_buffer_repeat(bench, "activations", p->x, p->matrix.cols * 4,
                                                 DISTINCT_ROWS, p->n_tokens, &p->x_buffer);
    if (status == VKH_OK)
        status = vkh_buffer_create(bench->device, "outputs", p->n_tokens * p->matrix.rows * 4,
                                   VKH_MEMORY_DEVICE, &p->out);
    if (status == VKH_OK)
        status = upload_weight(p);
    if (status == VKH_OK)
        status = vkh_matmul_create(bench->device, p->type, NULL, &p->rows.matmul);
    return status;
}

static enum vkh_status run(void *user)
{
    const struct product *p = user;
    vkh_matmul_record(&p->rows.matmul, vkh_stream_cmd(p->bench->stream),
                      &(struct vkh_matmul_args){
                          .x = vkh_range_all(p->x_buffer),
                          .weight = &p->rows.weight,
                          .out = vkh_range_all(p->out),
                          .out_stride = (uint32_t)p->matrix.rows,
                          .n_tokens = p->n_tokens,
                          .accumulate = p->matrix.accumulate,
                      });
    return VKH_OK;
}

static enum vkh_status verify(struct product *p, double *error)
{
    return product_verify_rows(p, run, error);
}

static const struct vkh_variant *variant(const struct product *p)
{
    return p->rows.matmul.variant;
}

static void release(struct product *p)
{
    vkh_weight_destroy(&p->rows.weight);
}

const struct product_tier product_rows = {
    .name = "rows",
    .widest = widest,
    .prepare = prepare,
    .run = run,
    .verify = verify,
    .variant = variant,
    .release = release,
};
