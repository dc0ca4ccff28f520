// SPDX-License-Identifier: MIT
#include "kernels/rmsnorm_matrix.h"

#include "matrix_test.h"

static void test_rmsnorm(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                         uint32_t n_tokens, uint32_t k_tiles, uint32_t made_for_tiles, float scale)
{
    uint64_t state = 3 + k_tiles;
    const uint32_t width = k_tiles * layout->side, made_for = made_for_tiles * layout->side;
    const uint64_t n = (uint64_t)n_tokens * width;
    float *x = test_floats(&state, n, scale), *weight = test_floats(&state, width, 2.0f);
    memset(x, 0, width * sizeof(*x)); // a token of zeros
    struct vkh_buffer *x_buffer = gpu_test_buffer(test, x, n * 4);
    struct vkh_buffer *weight_buffer = gpu_test_buffer(test, weight, (uint64_t)width * 4);
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, vkh_left_bytes(layout, n_tokens, width));
    struct vkh_rmsnorm_matrix norm;
    CHECK(vkh_rmsnorm_matrix_create(test->device, layout, made_for, &norm) == VKH_OK);
    vkh_rmsnorm_matrix_record(&norm, vkh_stream_cmd(test->stream),
                              &(struct vkh_rmsnorm_args){.x = vkh_range_all(x_buffer),
                                                         .weight = vkh_range_all(weight_buffer),
                                                         .out = vkh_range_all(out),
                                                         .n_tokens = n_tokens,
                                                         .width = width,
                                                         .eps = 1e-5f});
    float *got = matrix_test_unpack(test, layout, out, n_tokens, width);
    float *want = malloc(n * sizeof(*want));
    vkh_rmsnorm_ref(x, weight, want, n_tokens, width, 1e-5f, false);
    check_close(layout->bf16 ? "rmsnorm to bf16" : "rmsnorm", got, want, n, 1e-7,
                layout->bf16 ? 4e-3 : 5e-4);
    vkh_buffer_destroy(&x_buffer);
    vkh_buffer_destroy(&weight_buffer);
    vkh_buffer_destroy(&out);
    free(got);
    free(want);
    free(weight);
    free(x);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    struct vkh_matrix_layout layout = matrix_test_layout(&test);
    // Writing bf16 takes no matrices of it.
    for (int bf16 = 0; bf16 < 2; bf16++) {
        layout.bf16 = bf16;
        test_rmsnorm(&test, &layout, 1, 4, 4, 1.0f);
        test_rmsnorm(&test, &layout, 37, 76, 76, 30.0f);
        test_rmsnorm(&test, &layout, 300, 36, 36, 1e-3f);
        test_rmsnorm(&test, &layout, 19, 84, 4, 1.0f); // more words than are kept
#ifndef MATRIX_MACHINE
        test_rmsnorm(&test, &layout, 2, 512, 512, 1.0f); // more subgroups than a workgroup has
#endif
    }
    return gpu_test_close(&test);
}
