// SPDX-License-Identifier: MIT
// Products on cooperative matrices, with what follows of each in the forward pass.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/upload.h"
#include "kernels/nll_reduce.h"
#include "kernels/swiglu.h"
#include "product.h"

static uint64_t out_bytes(const struct product *p)
{
    const struct vkh_matrix_layout *layout = &p->bench->layout;
    const uint64_t rows = p->matrix.rows;
    switch (p->matrix.epilogue) {
    case VKH_EPILOGUE_NLL:
        return vkh_matmul_matrix_scratch_bytes(layout, rows, p->n_tokens);
    case VKH_EPILOGUE_ROWS:
        return rows * 4 * p->n_tokens;
    default:
        return vkh_left_bytes(layout, p->n_tokens, rows / 2);
    }
}

static uint64_t widest(const struct product *p)
{
    // An operand is padded to whole panels (bench_buffer_left).
    const uint64_t panel = vkh_panel_rows(&p->bench->layout) * p->matrix.cols * 2;
    return vkh_max_size(
        vkh_round_up(vkh_left_bytes(&p->bench->layout, p->n_tokens, p->matrix.cols), panel),
        out_bytes(p));
}

static bool is_glu(const struct product *p)
{
    return p->matrix.epilogue == VKH_EPILOGUE_GLU_SILU;
}

// Row r is row r % DISTINCT_ROWS of w. A gated unit's parts are two whatever their size, so what
// repeats is written out.
static enum vkh_status upload_weight(struct product *p)
{
    const uint64_t bytes = product_row_bytes(p), rows = p->matrix.rows;
    const uint64_t part_rows = is_glu(p) ? rows / 2 : DISTINCT_ROWS;
    const uint64_t held = is_glu(p) ? vkh_round_up(rows, DISTINCT_ROWS) : DISTINCT_ROWS;
    const uint32_t n_parts = (uint32_t)vkh_div_up(rows, part_rows);
    struct vkh_weight_part *parts = calloc(n_parts, sizeof(*parts));
    uint8_t *all = malloc(held * bytes);
    enum vkh_status status = parts && all ? VKH_OK
                                          : vkh_fail(&p->bench->log, VKH_ERR_MEMORY,
                                                     "%s: out of memory", p->matrix.name);
    for (uint64_t row = 0; row < held && status == VKH_OK; row += DISTINCT_ROWS)
        memcpy(all + row * bytes, p->w, DISTINCT_ROWS * bytes);
    for (uint32_t i = 0; i < n_parts && status == VKH_OK; i++)
        parts[i] = (struct vkh_weight_part){all + (is_glu(p) ? i * part_rows * bytes : 0),
                                            vkh_min_size(part_rows, rows - i * part_rows)};
    struct vkh_upload *upload = NULL;
    if (status == VKH_OK)
        status = vkh_upload_create(p->bench->device, p->bench->stream, VKH_UPLOAD_PIECE, &upload);
    if (status == VKH_OK)
        status = vkh_matrix_weight_create(p->bench->device, upload, &p->bench->layout,
                                          p->matrix.name, p->type, p->matrix.cols, parts, n_parts,
                                          is_glu(p), 0, &p->tiles.weight);
    vkh_upload_destroy(&upload);
    free(parts);
    free(all);
    return status;
}

// For weights in blocks.
static enum vkh_status make_room(struct product *p)
{
    const uint64_t bytes = vkh_matrix_unpack_bytes(p->bench->device, &p->bench->layout, p->type,
                                                   p->matrix.rows, p->matrix.cols);
    return bytes ? vkh_buffer_create(p->bench->device, "unpacked weights", bytes, VKH_MEMORY_DEVICE,
                                     &p->tiles.panels)
                 : VKH_OK;
}

// Every target is the last of the vocabulary.
static enum vkh_status make_targets(struct product *p)
{
    const enum vkh_status status =
        vkh_buffer_create(p->bench->device, "targets", (uint64_t)p->n_tokens * 4, VKH_MEMORY_DEVICE,
                          &p->tiles.targets);
    if (status == VKH_OK)
        vkh_cmd_fill(vkh_stream_cmd(p->bench->stream), vkh_range_all(p->tiles.targets),
                     (uint32_t)p->matrix.rows - 1);
    return status;
}

static enum vkh_status prepare(struct product *p)
{
    struct bench *bench = p->bench;
    const uint64_t cols = p->matrix.cols;
    for (uint64_t i = 0; i < DISTINCT_ROWS * cols; i++)
        p->x[i] = vkh_operand_float(&bench->layout, vkh_operand(&bench->layout, p->x[i]));
    enum vkh_status status = bench_buffer_left(bench, "activations", p->x, DISTINCT_ROWS, cols,
                                               p->n_tokens, &p->x_buffer);
    if (status == VKH_OK)
        status =
            vkh_buffer_create(bench->device, "outputs", out_bytes(p), VKH_MEMORY_DEVICE, &p->out);
    if (status == VKH_OK)
        status = upload_weight(p);
    if (status == VKH_OK)
        status = make_room(p);
    if (status == VKH_OK)
        status = make_targets(p);
    if (status == VKH_OK)
        status = vkh_matmul_matrix_create(bench->device, &bench->layout, p->type,
                                          vkh_panel_ends_odd(&bench->layout, cols),
                                          p->matrix.epilogue, NULL, &p->tiles.matmul);
    return status;
}

static enum vkh_status run(void *user)
{
    const struct product *p = user;
    vkh_matmul_matrix_record(
        &p->tiles.matmul, vkh_stream_cmd(p->bench->stream),
        &(struct vkh_matmul_matrix_args){
            .x = vkh_range_all(p->x_buffer),
            .weight = &p->tiles.weight,
            .n_tokens = p->n_tokens,
            .out = vkh_range_all(p->out),
            .out_stride = (uint32_t)p->matrix.rows,
            .accumulate = p->matrix.accumulate,
            .targets = vkh_range_all(p->tiles.targets),
            .panels = p->tiles.panels ? vkh_range_all(p->tiles.panels) : (struct vkh_range){0},
        });
    return VKH_OK;
}

static enum vkh_status verify_glu(struct product *p, double *error)
{
    const uint64_t width = p->matrix.rows / 2;
    uint64_t rows[2 * SAMPLE];
    float products[2 * SAMPLE * SAMPLE], want[SAMPLE * SAMPLE], got[SAMPLE * SAMPLE];
    float *row = malloc(width * sizeof(*row));
    for (uint64_t j = 0; j < SAMPLE; j++) {
        rows[j] = product_sampled(width, j);
        rows[SAMPLE + j] = width + rows[j];
    }
    enum vkh_status status =
        row ? product_refer(p, rows, VKH_COUNTOF(rows), products)
            : vkh_fail(&p->bench->log, VKH_ERR_MEMORY, "%s: out of memory", p->matrix.name);
    if (status == VKH_OK) {
        vkh_swiglu_ref(VKH_GATE_SILU, products, want, SAMPLE, SAMPLE);
        vkh_cmd_fill(vkh_stream_cmd(p->bench->stream), vkh_range_all(p->out), BENCH_NOT_WRITTEN);
        status = run(p);
    }
    for (uint64_t i = 0; i < SAMPLE && status == VKH_OK; i++) {
        status = bench_read_left(p->bench, p->out, width, product_sampled(p->n_tokens, i), 0, width,
                                 row);
        for (uint64_t j = 0; j < SAMPLE && status == VKH_OK; j++)
            got[i * SAMPLE + j] = row[rows[j]];
    }
    free(row);
    return status == VKH_OK
               ? bench_compare(p->bench, p->matrix.name, got, want, SAMPLE * SAMPLE, error)
               : status;
}

// The NLL of every token from what the product leaves.
static enum vkh_status reduce(struct product *p, float *nll)
{
    struct vkh_nll_reduce kernel;
    struct vkh_buffer *buffer = NULL;
    enum vkh_status status = vkh_nll_reduce_create(p->bench->device, &kernel);
    if (status == VKH_OK)
        status = vkh_buffer_create(p->bench->device, "NLL", (uint64_t)p->n_tokens * 4,
                                   VKH_MEMORY_DEVICE, &buffer);
    if (status == VKH_OK) {
        vkh_nll_reduce_record(&kernel, vkh_stream_cmd(p->bench->stream),
                              &(struct vkh_nll_reduce_args){
                                  vkh_range_all(p->out), vkh_range_all(p->tiles.targets),
                                  vkh_range_all(buffer), p->n_tokens,
                                  vkh_matmul_matrix_strips(&p->bench->layout, p->matrix.rows)});
        status = vkh_stream_read(p->bench->stream, nll, vkh_range_all(buffer));
    }
    vkh_buffer_destroy(&buffer);
    return status;
}

// The NLL of logits that repeat as the rows do.
static float refer_nll(const float *logits, uint64_t vocab)
{
    const uint64_t n = vkh_min_size(vocab, DISTINCT_ROWS);
    double most = logits[0], sum = 0.0;
    for (uint64_t r = 1; r < n; r++)
        most = fmax(most, logits[r]);
    for (uint64_t r = 0; r < n; r++)
        sum += (double)vkh_div_up(vocab - r, DISTINCT_ROWS) * exp(logits[r] - most);
    return (float)(most + log(sum) - logits[(vocab - 1) % DISTINCT_ROWS]);
}

static enum vkh_status verify_nll(struct product *p, double *error)
{
    const uint64_t vocab = p->matrix.rows, n = vkh_min_size(vocab, DISTINCT_ROWS);
    uint64_t rows[DISTINCT_ROWS];
    float want[SAMPLE], got[SAMPLE];
    float *logits = malloc(SAMPLE * n * sizeof(*logits)), *nll = malloc(p->n_tokens * sizeof(*nll));
    for (uint64_t r = 0; r < n; r++)
        rows[r] = r;
    enum vkh_status status = logits && nll ? product_refer(p, rows, n, logits)
                                           : vkh_fail(&p->bench->log, VKH_ERR_MEMORY,
                                                      "%s: out of memory", p->matrix.name);
    if (status == VKH_OK) {
        vkh_cmd_fill(vkh_stream_cmd(p->bench->stream), vkh_range_all(p->out), BENCH_NOT_WRITTEN);
        status = run(p);
    }
    if (status == VKH_OK)
        status = reduce(p, nll);
    for (uint64_t i = 0; i < SAMPLE && status == VKH_OK; i++) {
        want[i] = refer_nll(logits + i * n, vocab);
        got[i] = nll[product_sampled(p->n_tokens, i)];
    }
    free(logits);
    free(nll);
    return status == VKH_OK ? bench_compare(p->bench, p->matrix.name, got, want, SAMPLE, error)
                            : status;
}

static enum vkh_status verify(struct product *p, double *error)
{
    switch (p->matrix.epilogue) {
    case VKH_EPILOGUE_NLL:
        return verify_nll(p, error);
    case VKH_EPILOGUE_ROWS:
        return product_verify_rows(p, run, error);
    default:
        return verify_glu(p, error);
    }
}

static const struct vkh_variant *variant(const struct product *p)
{
    return p->tiles.matmul.variant;
}

static void describe_tile(const struct product *p, char *text, size_t size)
{
    snprintf(text, size, "%ux%u", p->tiles.matmul.block_tokens, p->tiles.matmul.block_rows);
}

static void release(struct product *p)
{
    vkh_matrix_weight_destroy(&p->tiles.weight);
    vkh_buffer_destroy(&p->tiles.targets);
    vkh_buffer_destroy(&p->tiles.panels);
}

const struct product_tier product_matrix = {
    .name = "matrix",
    .has_head = true,
    .widest = widest,
    .prepare = prepare,
    .run = run,
    .verify = verify,
    .variant = variant,
    .describe_tile = describe_tile,
    .release = release,
};
