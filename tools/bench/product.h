// SPDX-License-Identifier: MIT
// One matrix product of the forward pass on random data, and how each tier runs it.
#ifndef VKHROPE_TOOLS_BENCH_PRODUCT_H
#define VKHROPE_TOOLS_BENCH_PRODUCT_H

#include "bench.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"

// Rows of operands repeat after this many: 31 tiles of the largest matrices, so that larger tiles
// do not.
enum { DISTINCT_ROWS = 496, SAMPLE = 16 };

struct matrix {
    const char *name;
    uint64_t rows, cols;
    enum vkh_epilogue epilogue; // what follows of the product on cooperative matrices
    bool accumulate;            // rows are added to what is there
};

struct product {
    struct bench *bench;
    struct matrix matrix;
    enum vkh_dtype type;
    uint32_t n_tokens;
    float *x;   // [DISTINCT_ROWS][cols]
    uint8_t *w; // the same of the weight's type
    struct vkh_buffer *x_buffer, *out;
    struct {
        struct vkh_weight weight;
        struct vkh_matmul matmul;
    } rows;
    struct {
        struct vkh_matrix_weight weight;
        struct vkh_matmul_matrix matmul;
        struct vkh_buffer *targets, *panels;
    } tiles;
};

struct product_tier {
    const char *name;
    bool has_head; // as one product with its log-sum-exp
    // Bytes of the larger of operand and result.
    uint64_t (*widest)(const struct product *p);
    // Operands on the device and the kernel, of x and w.
    enum vkh_status (*prepare)(struct product *p);
    bench_run_fn *run;
    enum vkh_status (*verify)(struct product *p, double *error);
    const struct vkh_variant *(*variant)(const struct product *p);
    // Tokens x rows of a workgroup; NULL where the variant's name says it all.
    void (*describe_tile)(const struct product *p, char *text, size_t size);
    void (*release)(struct product *p);
};

extern const struct product_tier product_rows, product_matrix;

// Bytes of one row of w.
uint64_t product_row_bytes(const struct product *p);

// The i-th of SAMPLE indices from 0 to n - 1, both included.
uint64_t product_sampled(uint64_t n, uint64_t i);

// want[SAMPLE][n_rows] by the reference: sampled tokens times the given rows of the weight.
enum vkh_status product_refer(const struct product *p, const uint64_t *rows, uint64_t n_rows,
                              float *want);

// Fills the output, runs the product once and holds a sample of its fp32 rows against the
// reference.
enum vkh_status product_verify_rows(struct product *p, bench_run_fn *run, double *error);

#endif
