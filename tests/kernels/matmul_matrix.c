// SPDX-License-Identifier: MIT
#include "kernels/matmul_matrix.h"

#include "gpu/upload.h"
#include "kernels/head_nll.h"
#include "kernels/matmul.h"
#include "kernels/matrix_blocks.h"
#include "kernels/swiglu.h"
#include "matrix_test.h"

struct shape {
    uint32_t n_tokens, rows, cols; // rows and cols in sides, rows with a remainder
    uint32_t odd_rows;
    uint64_t slice_panels; // 0: one slice
};

struct operands {
    struct vkh_matrix_layout layout;
    struct shape shape;
    enum vkh_dtype type;
    float *x;
    void *w;
    struct vkh_buffer *x_buffer, *panels;
    struct vkh_matrix_weight weight;
};

// Activations are within `scale`.
static struct operands make_operands(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                                     enum vkh_dtype type, struct shape s, bool glu, float scale)
{
    uint64_t state = 11 + s.rows * 31 + s.cols;
    s.rows = s.rows * layout->side + s.odd_rows;
    s.cols *= layout->side;
    struct operands o = {.layout = *layout, .shape = s, .type = type};
    o.x = test_floats(&state, (uint64_t)s.n_tokens * s.cols, scale);
    o.w = test_weight_data(&state, type, s.rows, s.cols, 1.0f);
    o.x_buffer = matrix_test_pack(test, layout, o.x, s.n_tokens, s.cols);
    const uint64_t head = glu ? s.rows / 2 : s.rows / layout->side / 3 * layout->side;
    const struct vkh_weight_part parts[] = {
        {o.w, head},
        {(const char *)o.w + head * test_weight_row_bytes(type, s.cols), s.rows - head},
    };
    const uint64_t panels = s.slice_panels * vkh_panel_rows(layout);
    const bool in_panels = type == VKH_F16 || type == VKH_BF16 || vkh_matrix_decodes(layout, type);
    const uint64_t limit =
        panels && in_panels ? vkh_matrix_weight_bytes(layout, type, panels, s.cols) : 0;
    struct vkh_upload *upload;
    if (vkh_upload_create(test->device, test->stream, 0, &upload) != VKH_OK ||
        vkh_matrix_weight_create(test->device, upload, layout, "test", type, s.cols,
                                 head ? parts : parts + 1, head ? 2 : 1, glu, limit,
                                 &o.weight) != VKH_OK)
        exit(1);
    vkh_upload_destroy(&upload);
    CHECK(!limit || o.weight.n_slices > 1);
    // Room for one panel: products of weights that are unpacked then come in parts.
    o.panels = gpu_test_buffer(test, NULL, vkh_right_bytes(layout, 1, s.cols));
    return o;
}

static void free_operands(struct operands *o)
{
    vkh_buffer_destroy(&o->x_buffer);
    vkh_buffer_destroy(&o->panels);
    vkh_matrix_weight_destroy(&o->weight);
    free(o->x);
    free(o->w);
}

// The weights as the products see them: what operands keep of each.
static float *weights_seen(const struct operands *o)
{
    const uint64_t n = (uint64_t)o->shape.rows * o->shape.cols;
    float *w = malloc(n * sizeof(*w));
    vkh_dtype_info(o->type)->to_float(o->w, w, n);
    for (uint64_t i = 0; i < n; i++)
        w[i] = vkh_operand_float(&o->layout, vkh_operand(&o->layout, w[i]));
    return w;
}

static struct vkh_matmul_matrix make_matmul(struct gpu_test *test, const struct operands *o,
                                            enum vkh_epilogue epilogue,
                                            const struct vkh_variant *variant)
{
    struct vkh_matmul_matrix matmul;
    if (vkh_matmul_matrix_create(test->device, &o->layout, o->type,
                                 vkh_panel_ends_odd(&o->layout, o->shape.cols), epilogue, variant,
                                 &matmul) != VKH_OK)
        exit(1);
    return matmul;
}

// Tiles say who computes what, not what is computed: every variant gives the first one's bits,
// which *first keeps. Takes `got` over.
static void check_bits(const char *what, float **first, float *got, uint64_t n)
{
    if (*first) {
        CHECK_MSG(memcmp(*first, got, n * sizeof(*got)) == 0,
                  "%s: other bits than the first tile's", what);
        free(got);
    } else {
        *first = got;
    }
}

// Written into a wider poisoned output's columns 4 … or, where they do not come in fours, 2 …, then
// added to.
static void test_rows(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                      enum vkh_dtype type, const struct vkh_variant *variant, struct shape shape,
                      float scale, float **first_bits)
{
    struct operands o = make_operands(test, layout, type, shape, false, scale);
    const struct shape s = o.shape;
    const struct vkh_matmul_matrix matmul = make_matmul(test, &o, VKH_EPILOGUE_ROWS, variant);
    const uint32_t first = s.odd_rows ? 2 : 4;
    const uint32_t stride = (uint32_t)vkh_round_up(s.rows, 4) + 2 * first;
    const uint64_t n = (uint64_t)s.n_tokens * s.rows;
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, (uint64_t)s.n_tokens * stride * 4);
    float *w = weights_seen(&o), *want = malloc(n * sizeof(*want)), *got = malloc(n * sizeof(*got));
    struct vkh_matmul_matrix_args args = {.x = vkh_range_all(o.x_buffer),
                                          .weight = &o.weight,
                                          .n_tokens = s.n_tokens,
                                          .out = vkh_range_all(out),
                                          .out_stride = stride,
                                          .out_first = first,
                                          .panels = vkh_range_all(o.panels)};
    for (int round = 0; round < 2; round++, args.accumulate = true) {
        vkh_matmul_matrix_record(&matmul, vkh_stream_cmd(test->stream), &args);
        gpu_test_read_columns(test, out, stride, first, s.rows, got);
        vkh_matmul_ref(o.x, VKH_F32, w, want, s.n_tokens, s.rows, s.cols, round == 1);
        check_close(variant->name, got, want, n, 2e-6 * scale * sqrt((double)s.cols), 1e-6);
    }
    check_bits(variant->name, first_bits, got, n);
    vkh_buffer_destroy(&out);
    free(w);
    free(want);
    free_operands(&o);
}

static void test_glu(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                     enum vkh_dtype type, const struct vkh_variant *variant, struct shape shape,
                     bool gelu, float scale, float **first_bits)
{
    struct operands o = make_operands(test, layout, type, shape, true, scale);
    const struct shape s = o.shape;
    const struct vkh_matmul_matrix matmul =
        make_matmul(test, &o, gelu ? VKH_EPILOGUE_GLU_GELU : VKH_EPILOGUE_GLU_SILU, variant);
    const uint32_t width = s.rows / 2;
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, vkh_left_bytes(layout, s.n_tokens, width));
    vkh_matmul_matrix_record(&matmul, vkh_stream_cmd(test->stream),
                             &(struct vkh_matmul_matrix_args){.x = vkh_range_all(o.x_buffer),
                                                              .weight = &o.weight,
                                                              .n_tokens = s.n_tokens,
                                                              .out = vkh_range_all(out),
                                                              .panels = vkh_range_all(o.panels)});
    const uint64_t n = (uint64_t)s.n_tokens * width;
    float *w = weights_seen(&o), *products = malloc(2 * n * sizeof(*products));
    float *want = malloc(n * sizeof(*want));
    vkh_matmul_ref(o.x, VKH_F32, w, products, s.n_tokens, s.rows, s.cols, false);
    vkh_swiglu_ref(gelu ? VKH_GATE_GELU_TANH : VKH_GATE_SILU, products, want, s.n_tokens, width);
    float *got = matrix_test_unpack(test, layout, out, s.n_tokens, width);
    check_close(gelu ? "gelu" : "silu", got, want, n, 1e-5 * scale * scale * (double)s.cols,
                layout->bf16 ? 4e-3 : 6e-4);
    check_bits(gelu ? "gelu" : "silu", first_bits, got, n);
    vkh_buffer_destroy(&out);
    free(w);
    free(products);
    free(want);
    free_operands(&o);
}

static void test_nll(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                     enum vkh_dtype type, const struct vkh_variant *variant, struct shape shape,
                     float cap, float **first_bits)
{
    struct operands o = make_operands(test, layout, type, shape, false, 1.0f);
    const struct shape s = o.shape;
    const struct vkh_matmul_matrix matmul = make_matmul(test, &o, VKH_EPILOGUE_NLL, variant);
    struct vkh_nll_reduce reduce;
    CHECK(vkh_nll_reduce_create(test->device, &reduce) == VKH_OK);
    uint64_t state = 23;
    const uint64_t n = s.n_tokens;
    int32_t *targets = malloc(n * sizeof(*targets));
    for (uint64_t t = 0; t < n; t++)
        targets[t] = t % 5 == 3 ? -1 : (int32_t)(test_random(&state) % s.rows);
    targets[0] = (int32_t)s.rows - 1;
    struct vkh_buffer *targets_buffer = gpu_test_buffer(test, targets, n * 4);
    struct vkh_buffer *scratch =
        gpu_test_buffer(test, NULL, vkh_matmul_matrix_scratch_bytes(layout, s.rows, s.n_tokens));
    struct vkh_buffer *nll = gpu_test_buffer(test, NULL, n * 4);
    vkh_matmul_matrix_record(
        &matmul, vkh_stream_cmd(test->stream),
        &(struct vkh_matmul_matrix_args){.x = vkh_range_all(o.x_buffer),
                                         .weight = &o.weight,
                                         .n_tokens = s.n_tokens,
                                         .out = vkh_range_all(scratch),
                                         .targets = vkh_range_all(targets_buffer),
                                         .cap = cap,
                                         .panels = vkh_range_all(o.panels)});
    vkh_nll_reduce_record(&reduce, vkh_stream_cmd(test->stream),
                          &(struct vkh_nll_reduce_args){vkh_range_all(scratch),
                                                        vkh_range_all(targets_buffer),
                                                        vkh_range_all(nll), s.n_tokens,
                                                        vkh_matmul_matrix_strips(layout, s.rows)});
    float *got = gpu_test_read(test, nll), *want = malloc(n * sizeof(*want));
    float *w = weights_seen(&o);
    vkh_head_nll_ref(o.x, VKH_F32, w, targets, want, n, s.rows, s.cols, cap);
    check_close("nll", got, want, n, 1e-5 + 4e-6 * sqrt((double)s.cols), 2e-6);
    vkh_buffer_destroy(&targets_buffer);
    vkh_buffer_destroy(&scratch);
    check_bits("nll", first_bits, got, n);
    vkh_buffer_destroy(&nll);
    free(want);
    free(w);
    free(targets);
    free_operands(&o);
}

enum { LENGTHS = 3, OF_LENGTHS = 4, CASES = 9 + LENGTHS * OF_LENGTHS };

// Products of one step, of two and of three, in the larger tile; in the smaller one of twice as
// many. A turn of their loop is two steps (shaders/matrix/product.glsl).
static void test_lengths(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                         enum vkh_dtype type, const struct vkh_variant *variant,
                         float *bits[LENGTHS * OF_LENGTHS])
{
    for (uint32_t i = 0; i < LENGTHS; i++, bits += OF_LENGTHS) {
        const struct shape shape = {21, 8, (i + 1) * VKH_PANEL_K_TILES, 0, 0};
        test_rows(test, layout, type, variant, shape, 1.0f, &bits[0]);
        test_glu(test, layout, type, variant, shape, false, 1.0f, &bits[1]);
        test_glu(test, layout, type, variant, shape, true, 1.0f, &bits[2]);
        test_nll(test, layout, type, variant, shape, 0.0f, &bits[3]);
    }
}

// Everything for the types in panels, Q8_0 and Q5_1; the others differ in how an element is decoded
// alone, which tests/golden/blocks.c and tests/kernels/matrix_blocks.c look at.
static void test_variant(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                         enum vkh_dtype type, const struct vkh_variant *variant, float *bits[CASES])
{
    const uint32_t least = vkh_dtype_info(type)->block_elements / layout->side;
    test_rows(test, layout, type, variant, (struct shape){37, 9, least < 4 ? 12 : 3 * least, 3, 0},
              1.0f, &bits[0]);
    if (type > VKH_BF16 && type != VKH_Q8_0 && type != VKH_Q5_1)
        return;
    test_rows(test, layout, type, variant, (struct shape){1, 1, 4, 0, 0}, 1.0f, &bits[1]);
    test_rows(test, layout, type, variant, (struct shape){259, 20, 8, 0, 1}, 1.0f, &bits[2]);
    test_glu(test, layout, type, variant, (struct shape){40, 24, 8, 0, 0}, false, 1.0f, &bits[3]);
    test_glu(test, layout, type, variant, (struct shape){130, 8, 4, 0, 0}, true, 1.0f, &bits[4]);
    test_nll(test, layout, type, variant, (struct shape){50, 21, 4, 5, 0}, 0.0f, &bits[5]);
    test_nll(test, layout, type, variant, (struct shape){131, 40, 4, 0, 2}, 3.0f, &bits[6]);
    // Subnormals of fp16, and what it holds; with bf16 what fp16 has no number for, up to 2^45.
    const float extreme = layout->bf16 ? 0x1p20f : 0x1p-14f;
    test_rows(test, layout, type, variant, (struct shape){33, 8, 8, 1, 0}, extreme, &bits[7]);
    test_glu(test, layout, type, variant, (struct shape){17, 8, 8, 0, 0}, false,
             layout->bf16 ? extreme : 8.0f, &bits[8]);
    test_lengths(test, layout, type, variant, &bits[9]);
}

static void test_variants(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                          enum vkh_dtype type, float *bits[CASES])
{
    uint32_t n;
    const struct vkh_variant *variants = vkh_matmul_matrix_variants(layout, type, &n);
#ifdef MATRIX_MACHINE
    // The tile that is emulated, in less shared memory than the library's shader of it takes.
    test_variant(test, layout, type, &variants[0], bits);
    n = 0;
#endif
    for (uint32_t i = 0; i < n; i++)
        if (vkh_matmul_matrix_supported(test->device, layout, &variants[i]))
            test_variant(test, layout, type, &variants[i], bits);
}

// Weights in blocks unpacked, then decoded, to the same bits.
static void test_layout(struct gpu_test *test, const struct vkh_matrix_layout *layout)
{
    struct vkh_matrix_layout decoding = *layout;
    decoding.decodes = true;
    for (int type = 0; type < VKH_N_DTYPES; type++) {
#ifdef MATRIX_MACHINE
        if (type != VKH_F16 && type != VKH_Q8_0 && type != VKH_Q4_K)
            continue; // the rest are packed alike, and decoded in matrix_blocks.c
        decoding.decodes = MATRIX_MACHINE == RDNA3_MACHINE || MATRIX_MACHINE == RDNA4_MACHINE;
#endif
        float *bits[CASES] = {NULL};
        test_variants(test, layout, (enum vkh_dtype)type, bits);
        if (vkh_matrix_decodes(&decoding, (enum vkh_dtype)type))
            test_variants(test, &decoding, (enum vkh_dtype)type, bits);
        for (int i = 0; i < CASES; i++)
            free(bits[i]);
    }
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    struct vkh_matrix_layout layout = matrix_test_layout(&test);
    test_layout(&test, &layout);
    layout.bf16 = layout.has_bf16;
    if (layout.bf16)
        test_layout(&test, &layout);
    return gpu_test_close(&test);
}
