// SPDX-License-Identifier: MIT
#include "kernels/swiglu.h"

#include "gpu_test.h"

static void test_swiglu(struct gpu_test *test, enum vkh_gate gate, uint32_t n_tokens,
                        uint32_t width, float scale)
{
    uint64_t state = 3 + width;
    const uint64_t n = (uint64_t)n_tokens * width;
    float *x = test_floats(&state, 2 * n, scale);
    struct vkh_buffer *x_buffer = gpu_test_buffer(test, x, 2 * n * 4);
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * 4);
    struct vkh_swiglu swiglu;
    CHECK(vkh_swiglu_create(test->device, gate, &swiglu) == VKH_OK);
    vkh_swiglu_record(
        &swiglu, vkh_stream_cmd(test->stream),
        &(struct vkh_swiglu_args){vkh_range_all(x_buffer), vkh_range_all(out), n_tokens, width});
    float *got = gpu_test_read(test, out), *want = malloc(n * sizeof(*want));
    vkh_swiglu_ref(gate, x, want, n_tokens, width);
    // exp is off by 3 + 2|g| units in the last place; far on the negative side it is lost in 0.
    check_close("swiglu", got, want, n, 1e-30, 1e-6 + 4e-7 * fmin((double)scale, 80.0));
    vkh_buffer_destroy(&x_buffer);
    vkh_buffer_destroy(&out);
    free(got);
    free(want);
    free(x);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int i = 0; i < 2; i++) {
        const enum vkh_gate gate = i ? VKH_GATE_GELU_TANH : VKH_GATE_SILU;
        test_swiglu(&test, gate, 1, 1, 1.0f);
        test_swiglu(&test, gate, 7, 130, 5.0f);
        test_swiglu(&test, gate, 3, 704, 60.0f);
        test_swiglu(&test, gate, 3, 64, 1e4f);
        test_swiglu(&test, gate, 70000, 3, 1.0f); // more tokens than workgroups
    }
    return gpu_test_close(&test);
}
