// SPDX-License-Identifier: MIT
// GFLOP/s of every attention variant on the shape of the demo's model, the masked half not counted.
#include "kernels/attention.h"
#include "base/clock.h"
#include "gpu_test.h"

static double best_seconds(struct gpu_test *test, const struct vkh_attention *attention,
                           const struct vkh_attention_args *args)
{
    double best = INFINITY;
    for (int run = 0; run < 4; run++) {
        const double start = vkh_clock();
        vkh_attention_record(attention, vkh_stream_cmd(test->stream), args);
        CHECK(vkh_stream_finish(test->stream) == VKH_OK);
        best = fmin(best, vkh_clock() - start);
    }
    return best;
}

static void bench(struct gpu_test *test, const struct vkh_variant *variant, uint32_t first,
                  uint32_t n)
{
    const struct vkh_attention_shape shape = {4, 2, 64, 512, true, 0.125f};
    const struct vkh_kv_shape kv_shape = {2, 64, first + n, true};
    uint64_t state = 1;
    float *q = test_floats(&state, (uint64_t)n * 512, 1.0f);
    struct vkh_buffer *q_buffer = gpu_test_buffer(test, q, (uint64_t)n * 512 * 4);
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, (uint64_t)n * 256 * 4);
    struct vkh_buffer *kv = gpu_test_buffer(test, NULL, vkh_kv_bytes(&kv_shape));
    vkh_cmd_fill(vkh_stream_cmd(test->stream), vkh_range_all(kv), 0x2e662e66); // 0.1
    const struct vkh_attention_args args = {.q = vkh_range_all(q_buffer),
                                            .own = {kv, kv_shape},
                                            .first_token = first,
                                            .n_tokens = n,
                                            .out = vkh_range_all(out)};
    struct vkh_attention attention;
    const double start = vkh_clock();
    CHECK(vkh_attention_create(test->device, &shape, variant, &attention) == VKH_OK);
    const double made = vkh_clock() - start, seconds = best_seconds(test, &attention, &args);
    const double keys = (double)n * first + 0.5 * n * (n + 1.0);
    printf("%-8s %5u tokens after %5u  %8.1f GFLOP/s, made in %.2f s\n", variant->name, n, first,
           2e-9 * 2.0 * 64.0 * 4.0 * keys / seconds, made);
    vkh_buffer_destroy(&q_buffer);
    vkh_buffer_destroy(&out);
    vkh_buffer_destroy(&kv);
    free(q);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    uint32_t n;
    const struct vkh_variant *variants = vkh_attention_variants(&n);
    for (uint32_t i = 0; i < n; i++) {
        if (!vkh_variant_supported(test.device, &variants[i]))
            continue;
        bench(&test, &variants[i], 0, 512);
        bench(&test, &variants[i], 2560, 512);
    }
    return gpu_test_close(&test);
}
