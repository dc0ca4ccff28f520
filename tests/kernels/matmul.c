// SPDX-License-Identifier: MIT
#include "kernels/matmul.h"
#include "base/size.h"

#include "weight_test.h"

struct shape {
    uint32_t n_tokens, rows, cols;
};

// Random operands, both on the host and on the device.
struct operands {
    struct shape shape;
    enum vkh_dtype type;
    float *x;
    void *w;
    struct vkh_buffer *x_buffer;
    struct vkh_weight weight;
};

static struct operands make_operands(struct gpu_test *test, enum vkh_dtype type, struct shape shape,
                                     float scale, uint64_t slice_limit)
{
    uint64_t state = 7 + shape.rows * 31 + shape.cols;
    const uint64_t n = (uint64_t)shape.n_tokens * shape.cols;
    struct operands o = {.shape = shape, .type = type};
    o.x = test_floats(&state, n, scale);
    o.w = test_weight_data(&state, type, shape.rows, shape.cols, scale);
    o.x_buffer = gpu_test_buffer(test, o.x, n * 4);
    o.weight = test_weight(test, type, o.w, shape.rows, shape.cols, slice_limit);
    return o;
}

static void free_operands(struct operands *o)
{
    vkh_buffer_destroy(&o->x_buffer);
    vkh_weight_destroy(&o->weight);
    free(o->x);
    free(o->w);
}

static struct vkh_matmul make_matmul(struct gpu_test *test, enum vkh_dtype type,
                                     const struct vkh_variant *variant)
{
    struct vkh_matmul matmul;
    if (vkh_matmul_create(test->device, type, variant, &matmul) != VKH_OK)
        exit(1);
    return matmul;
}

// A sum of K products of magnitude scale^2, accumulated in fp32.
static double tolerance(const struct operands *o, float scale)
{
    return 1e-6 * sqrt((double)o->shape.cols) * (double)scale * (double)scale;
}

// Written into columns 3 … of a wider poisoned output, then added to.
static void test_against_ref(struct gpu_test *test, enum vkh_dtype type,
                             const struct vkh_variant *variant, struct shape shape, float scale,
                             uint64_t slice_limit)
{
    struct operands o = make_operands(test, type, shape, scale, slice_limit);
    CHECK(!slice_limit || o.weight.n_slices > 1);
    const struct vkh_matmul matmul = make_matmul(test, type, variant);
    const uint32_t stride = shape.rows + 5, first = 3;
    const uint64_t n = (uint64_t)shape.n_tokens * shape.rows;
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, (uint64_t)shape.n_tokens * stride * 4);
    float *want = malloc(n * sizeof(*want)), *got = malloc(n * sizeof(*got));
    struct vkh_matmul_args args = {vkh_range_all(o.x_buffer),
                                   &o.weight,
                                   vkh_range_all(out),
                                   stride,
                                   first,
                                   shape.n_tokens,
                                   false};
    for (int round = 0; round < 2; round++, args.accumulate = true) {
        vkh_matmul_record(&matmul, vkh_stream_cmd(test->stream), &args);
        gpu_test_read_columns(test, out, stride, first, shape.rows, got);
        vkh_matmul_ref(o.x, type, o.w, want, shape.n_tokens, shape.rows, shape.cols, round == 1);
        check_close(variant->name, got, want, n, 2.0 * tolerance(&o, scale), 1e-6);
    }
    vkh_buffer_destroy(&out);
    free(want);
    free(got);
    free_operands(&o);
}

// The same bits however the tokens are cut into calls.
static void test_splits(struct gpu_test *test, enum vkh_dtype type,
                        const struct vkh_variant *variant)
{
    static const struct shape shape = {150, 130, 96};
    static const uint32_t cuts[][4] = {{150}, {64, 86}, {128, 1, 21}, {17, 3, 66, 64}};
    struct operands o = make_operands(test, type, shape, 1.0f, 0);
    const struct vkh_matmul matmul = make_matmul(test, type, variant);
    const uint64_t bytes = (uint64_t)shape.n_tokens * shape.rows * 4;
    float *first = NULL;
    for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        float *whole = malloc(bytes);
        uint32_t from = 0;
        for (unsigned j = 0; j < 4 && cuts[i][j]; from += cuts[i][j++]) {
            const uint32_t n = cuts[i][j];
            struct vkh_buffer *x = gpu_test_buffer(test, o.x + (uint64_t)from * shape.cols,
                                                   (uint64_t)n * shape.cols * 4);
            struct vkh_buffer *out = gpu_test_buffer(test, NULL, (uint64_t)n * shape.rows * 4);
            vkh_matmul_record(&matmul, vkh_stream_cmd(test->stream),
                              &(struct vkh_matmul_args){vkh_range_all(x), &o.weight,
                                                        vkh_range_all(out), shape.rows, 0, n,
                                                        false});
            float *part = gpu_test_read(test, out);
            memcpy(whole + (uint64_t)from * shape.rows, part, (uint64_t)n * shape.rows * 4);
            free(part);
            vkh_buffer_destroy(&x);
            vkh_buffer_destroy(&out);
        }
        CHECK(from == shape.n_tokens);
        if (!first)
            first = whole;
        else
            CHECK(memcmp(first, whole, bytes) == 0);
        if (whole != first)
            free(whole);
    }
    free(first);
    free_operands(&o);
}

// All shapes for the plain types and Q8_0; the others differ from it in how an element is decoded,
// which tests/golden/blocks.c looks at, so that two shapes show that their shaders are theirs.
static void test_variant(struct gpu_test *test, enum vkh_dtype type,
                         const struct vkh_variant *variant)
{
    const uint32_t block = (uint32_t)vkh_round_up(vkh_dtype_info(type)->block_elements, 4);
    test_against_ref(test, type, variant, (struct shape){3, 70, 5 * block}, 1.0f, 0);
    test_against_ref(test, type, variant, (struct shape){19, 1100, 2 * block}, 1.0f,
                     vkh_weight_bytes(type, 512, 2 * block));
    if (type > VKH_BF16 && type != VKH_Q8_0)
        return;
    test_against_ref(test, type, variant, (struct shape){1, 1, block}, 1.0f, 0);
    test_against_ref(test, type, variant, (struct shape){65, 129, 96}, 1.0f, 0);
    test_against_ref(test, type, variant, (struct shape){64, 128, 704}, 100.0f, 0);
    test_against_ref(test, type, variant, (struct shape){31, 64, 7 * block}, 1e-3f, 0);
    test_splits(test, type, variant);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int type = 0; type < VKH_N_DTYPES; type++) {
        uint32_t n;
        const struct vkh_variant *variants = vkh_matmul_variants((enum vkh_dtype)type, &n);
        for (uint32_t i = 0; i < n; i++) {
            if (test_takes_type((enum vkh_dtype)type) &&
                vkh_variant_supported(test.device, &variants[i]))
                test_variant(&test, (enum vkh_dtype)type, &variants[i]);
        }
    }
    return gpu_test_close(&test);
}
