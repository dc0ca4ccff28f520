// SPDX-License-Identifier: MIT
#include "kernels/head_nll.h"

#include "weight_test.h"

struct shape {
    uint32_t n_tokens, vocab, cols;
    float scale;          // of x; the logits' spread grows with it
    uint64_t slice_limit; // rows
    float soft_cap;
};

static void test_head(struct gpu_test *test, enum vkh_dtype type, const struct vkh_variant *variant,
                      struct shape s)
{
    uint64_t state = 5 + s.vocab;
    const uint64_t n = s.n_tokens;
    float *x = test_floats(&state, n * s.cols, s.scale);
    void *w = test_weight_data(&state, type, s.vocab, s.cols, 1.0f);
    struct vkh_weight weight =
        test_weight(test, type, w, s.vocab, s.cols, vkh_weight_bytes(type, s.slice_limit, s.cols));
    CHECK(!s.slice_limit || weight.n_slices > 1);
    int32_t *targets = malloc(n * sizeof(*targets));
    for (uint64_t t = 0; t < n; t++)
        targets[t] = t % 5 == 3 ? -1 : (int32_t)(test_random(&state) % s.vocab);
    targets[0] = (int32_t)s.vocab - 1;
    struct vkh_buffer *x_buffer = gpu_test_buffer(test, x, n * s.cols * 4);
    struct vkh_buffer *targets_buffer = gpu_test_buffer(test, targets, n * 4);
    struct vkh_buffer *scratch =
        gpu_test_buffer(test, NULL, vkh_head_nll_scratch_bytes(s.vocab, s.n_tokens));
    struct vkh_buffer *nll = gpu_test_buffer(test, NULL, n * 4);
    struct vkh_head_nll head;
    CHECK(vkh_head_nll_create(test->device, type, variant, &head) == VKH_OK);
    vkh_head_nll_record(&head, vkh_stream_cmd(test->stream),
                        &(struct vkh_head_nll_args){
                            vkh_range_all(x_buffer), &weight, vkh_range_all(targets_buffer),
                            vkh_range_all(scratch), vkh_range_all(nll), s.n_tokens, s.soft_cap});
    float *got = gpu_test_read(test, nll), *want = malloc(n * sizeof(*want));
    vkh_head_nll_ref(x, type, w, targets, want, n, s.vocab, s.cols, s.soft_cap);
    check_close(variant->name, got, want, n, 1e-5 + 2e-6 * sqrt((double)s.cols) * (double)s.scale,
                1e-6);
    vkh_weight_destroy(&weight);
    vkh_buffer_destroy(&x_buffer);
    vkh_buffer_destroy(&targets_buffer);
    vkh_buffer_destroy(&scratch);
    vkh_buffer_destroy(&nll);
    free(got);
    free(want);
    free(targets);
    free(w);
    free(x);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int i = 0; i < VKH_N_DTYPES; i++) {
        const enum vkh_dtype type = (enum vkh_dtype)i;
        uint32_t n;
        const struct vkh_variant *variants = vkh_head_nll_variants(type, &n);
        for (uint32_t j = 0; j < n; j++) {
            if (!test_takes_type(type) || !vkh_variant_supported(test.device, &variants[j]))
                continue;
            const uint32_t block = vkh_dtype_info(type)->block_elements;
            const uint32_t few = block < 32 ? 32 : block;
            test_head(&test, type, &variants[j], (struct shape){1, 2, few, 1.0f, 0, 0});
            test_head(&test, type, &variants[j], (struct shape){9, 1500, few, 1.0f, 512, 0});
            if (block > 32)
                continue;
            test_head(&test, type, &variants[j], (struct shape){70, 1100, 96, 1.0f, 0, 0});
            test_head(&test, type, &variants[j], (struct shape){64, 512, 64, 30.0f, 0, 0});
            test_head(&test, type, &variants[j], (struct shape){70, 1100, 96, 1.0f, 0, 30});
            test_head(&test, type, &variants[j], (struct shape){9, 600, 32, 30.0f, 512, 5});
        }
    }
    return gpu_test_close(&test);
}
