// SPDX-License-Identifier: MIT
#include "kernels/rmsnorm.h"

#include "gpu_test.h"

// Added to what is there in the second round.
static void test_rmsnorm(struct gpu_test *test, const struct vkh_variant *variant,
                         uint32_t n_tokens, uint32_t width, float scale, float eps, int rounds)
{
    uint64_t state = 3 + width;
    const uint64_t n = (uint64_t)n_tokens * width;
    float *x = test_floats(&state, n, scale), *weight = test_floats(&state, width, 2.0f);
    memset(x, 0, width * sizeof(*x)); // a token of zeros
    struct vkh_buffer *x_buffer = gpu_test_buffer(test, x, n * 4);
    struct vkh_buffer *weight_buffer = gpu_test_buffer(test, weight, (uint64_t)width * 4);
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * 4);
    float *want = malloc(n * sizeof(*want));
    struct vkh_rmsnorm norm;
    CHECK(vkh_rmsnorm_create(test->device, variant, &norm) == VKH_OK);
    struct vkh_rmsnorm_args args = {.x = vkh_range_all(x_buffer),
                                    .weight = vkh_range_all(weight_buffer),
                                    .out = vkh_range_all(out),
                                    .n_tokens = n_tokens,
                                    .width = width,
                                    .eps = eps};
    for (int round = 0; round < rounds; round++, args.accumulate = true) {
        vkh_rmsnorm_record(&norm, vkh_stream_cmd(test->stream), &args);
        float *got = gpu_test_read(test, out);
        vkh_rmsnorm_ref(x, weight, want, n_tokens, width, eps, args.accumulate);
        check_close(variant->name, got, want, n, 0.0, 2e-6);
        free(got);
    }
    vkh_buffer_destroy(&x_buffer);
    vkh_buffer_destroy(&weight_buffer);
    vkh_buffer_destroy(&out);
    free(want);
    free(weight);
    free(x);
}

// Some heads of a wider row, in place; the rest stays as it was.
static void test_heads(struct gpu_test *test, const struct vkh_variant *variant, uint32_t n_tokens,
                       uint32_t n_heads, uint32_t width)
{
    uint64_t state = 9 + width;
    const uint32_t first = width, row = (n_heads + 3) * width;
    const uint64_t n = (uint64_t)n_tokens * row;
    float *want = test_floats(&state, n, 3.0f), *weight = test_floats(&state, width, 2.0f);
    struct vkh_buffer *x = gpu_test_buffer(test, want, n * 4);
    struct vkh_buffer *weight_buffer = gpu_test_buffer(test, weight, (uint64_t)width * 4);
    struct vkh_rmsnorm norm;
    CHECK(vkh_rmsnorm_create(test->device, variant, &norm) == VKH_OK);
    vkh_rmsnorm_record(&norm, vkh_stream_cmd(test->stream),
                       &(struct vkh_rmsnorm_args){.x = vkh_range_all(x),
                                                  .weight = vkh_range_all(weight_buffer),
                                                  .out = vkh_range_all(x),
                                                  .n_tokens = n_tokens,
                                                  .width = width,
                                                  .eps = 1e-6f,
                                                  .n_heads = n_heads,
                                                  .row_elements = row,
                                                  .first = first});
    float *got = gpu_test_read(test, x);
    for (uint32_t t = 0; t < n_tokens; t++) {
        float *heads = want + (uint64_t)t * row + first;
        vkh_rmsnorm_ref(heads, weight, heads, n_heads, width, 1e-6f, false);
    }
    check_close(variant->name, got, want, n, 0.0, 2e-6);
    vkh_buffer_destroy(&x);
    vkh_buffer_destroy(&weight_buffer);
    free(got);
    free(want);
    free(weight);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    uint32_t n;
    const struct vkh_variant *variants = vkh_rmsnorm_variants(&n);
    for (uint32_t i = 0; i < n; i++) {
        if (!vkh_variant_supported(test.device, &variants[i]))
            continue;
        test_rmsnorm(&test, &variants[i], 2, 1, 1.0f, 1e-5f, 2);
        test_rmsnorm(&test, &variants[i], 3, 100, 1.0f, 1e-5f, 2);
        test_rmsnorm(&test, &variants[i], 17, 2052, 1000.0f, 1e-6f, 2);
        test_rmsnorm(&test, &variants[i], 5, 300, 1e-4f, 1e-5f, 2);
        test_rmsnorm(&test, &variants[i], 65537, 2, 1.0f, 1e-5f, 1); // more than workgroups
        test_heads(&test, &variants[i], 5, 3, 80);
        test_heads(&test, &variants[i], 3, 1, 256);
    }
    return gpu_test_close(&test);
}
