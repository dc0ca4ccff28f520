// SPDX-License-Identifier: MIT
// GFLOP/s of every matmul variant on shapes of the demo's model.
#include "kernels/matmul.h"
#include "base/clock.h"
#include "base/half.h"
#include "base/size.h"
#include "gpu/upload.h"
#include "gpu_test.h"

static double best_seconds(struct gpu_test *test, const struct vkh_matmul *matmul,
                           const struct vkh_matmul_args *args)
{
    double best = INFINITY;
    for (int run = 0; run < 4; run++) {
        const double start = vkh_clock();
        vkh_matmul_record(matmul, vkh_stream_cmd(test->stream), args);
        CHECK(vkh_stream_finish(test->stream) == VKH_OK);
        best = fmin(best, vkh_clock() - start);
    }
    return best;
}

static void bench(struct gpu_test *test, enum vkh_dtype type, uint32_t m, uint32_t n, uint32_t k)
{
    uint64_t state = 1;
    float *x = test_floats(&state, (uint64_t)m * k, 1.0f);
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t bytes = (uint64_t)n * k / info->block_elements * info->block_bytes;
    uint16_t *w = malloc(bytes);
    for (uint64_t i = 0; i < bytes / 2; i++)
        w[i] = vkh_to_half(test_uniform(&state));
    struct vkh_weight weight;
    struct vkh_upload *upload;
    CHECK(vkh_upload_create(test->device, test->stream, 0, &upload) == VKH_OK);
    CHECK(vkh_weight_create(test->device, upload, "w", type, k, &(struct vkh_weight_part){w, n}, 1,
                            0, &weight) == VKH_OK);
    vkh_upload_destroy(&upload);
    struct vkh_buffer *xb = gpu_test_buffer(test, x, (uint64_t)m * k * 4);
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, (uint64_t)m * n * 4);
    const struct vkh_matmul_args args = {
        vkh_range_all(xb), &weight, vkh_range_all(out), n, 0, m, false};
    uint32_t n_variants;
    const struct vkh_variant *variants = vkh_matmul_variants(type, &n_variants);
    for (uint32_t i = 0; i < n_variants; i++) {
        struct vkh_matmul matmul;
        if (!vkh_variant_supported(test->device, &variants[i]))
            continue;
        CHECK(vkh_matmul_create(test->device, type, &variants[i], &matmul) == VKH_OK);
        const double seconds = best_seconds(test, &matmul, &args);
        printf("%-5s %-8s %5u x %5u x %5u  %8.1f GFLOP/s\n", info->name, variants[i].name, m, n, k,
               2e-9 * m * n * k / seconds);
    }
    vkh_weight_destroy(&weight);
    vkh_buffer_destroy(&xb);
    vkh_buffer_destroy(&out);
    free(x);
    free(w);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int type = 0; type < VKH_N_DTYPES; type++) {
        bench(&test, (enum vkh_dtype)type, 512, 512, 256);
        bench(&test, (enum vkh_dtype)type, 512, 1408, 256);
        bench(&test, (enum vkh_dtype)type, 512, 256, 704);
    }
    return gpu_test_close(&test);
}
