// SPDX-License-Identifier: MIT
#include "kernels/bias.h"

#include "gpu_test.h"

static void test_bias(struct gpu_test *test, uint32_t n_tokens, uint32_t width)
{
    uint64_t state = 3 + width;
    const uint64_t n = (uint64_t)n_tokens * width;
    float *want = test_floats(&state, n, 10.0f), *values = test_floats(&state, width, 100.0f);
    struct vkh_buffer *x = gpu_test_buffer(test, want, n * 4);
    struct vkh_buffer *values_buffer = gpu_test_buffer(test, values, (uint64_t)width * 4);
    struct vkh_bias bias;
    CHECK(vkh_bias_create(test->device, &bias) == VKH_OK);
    vkh_bias_record(
        &bias, vkh_stream_cmd(test->stream),
        &(struct vkh_bias_args){vkh_range_all(x), vkh_range_all(values_buffer), n_tokens, width});
    float *got = gpu_test_read(test, x);
    vkh_bias_ref(want, values, n_tokens, width);
    check_close("bias", got, want, n, 0.0, 0.0);
    vkh_buffer_destroy(&x);
    vkh_buffer_destroy(&values_buffer);
    free(got);
    free(want);
    free(values);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    test_bias(&test, 1, 1);
    test_bias(&test, 7, 130);
    test_bias(&test, 70000, 3); // more tokens than workgroups
    return gpu_test_close(&test);
}
