// SPDX-License-Identifier: MIT
#include "kernels/embed.h"

#include "base/size.h"
#include "weight_test.h"

static void test_embed(struct gpu_test *test, enum vkh_dtype type, uint32_t rows, uint32_t cols,
                       uint32_t n_tokens, uint64_t slice_limit, uint32_t slices, float scale)
{
    uint64_t state = 1 + rows;
    void *data = test_weight_data(&state, type, rows, cols, 3.0f);
    struct vkh_weight table = test_weight(test, type, data, rows, cols, slice_limit);
    CHECK(table.n_slices == slices);
    int32_t *ids = malloc(n_tokens * sizeof(*ids));
    for (uint32_t t = 0; t < n_tokens; t++)
        ids[t] = (int32_t)(test_random(&state) % rows);
    ids[0] = (int32_t)rows - 1;
    ids[n_tokens - 1] = 0;

    const uint64_t n = (uint64_t)n_tokens * cols;
    struct vkh_buffer *ids_buffer = gpu_test_buffer(test, ids, n_tokens * sizeof(*ids));
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * 4);
    struct vkh_embed embed;
    CHECK(vkh_embed_create(test->device, type, &embed) == VKH_OK);
    vkh_embed_record(&embed, vkh_stream_cmd(test->stream),
                     &(struct vkh_embed_args){vkh_range_all(ids_buffer), &table, vkh_range_all(out),
                                              n_tokens, scale});
    float *got = gpu_test_read(test, out);
    float *want = malloc(n * sizeof(*want));
    vkh_embed_ref(ids, type, data, want, n_tokens, cols, scale);
    check_close(vkh_dtype_info(type)->name, got, want, n, 0.0, scale == 1.0f ? 0.0 : 1e-7);

    vkh_weight_destroy(&table);
    vkh_buffer_destroy(&ids_buffer);
    vkh_buffer_destroy(&out);
    free(got);
    free(want);
    free(ids);
    free(data);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int i = 0; i < VKH_N_DTYPES; i++) {
        const enum vkh_dtype type = (enum vkh_dtype)i;
        const uint32_t block = vkh_dtype_info(type)->block_elements, few = block < 32 ? 32 : block;
        const uint32_t wide = 1024 + few;
        test_embed(&test, type, 1000, (uint32_t)vkh_round_up(96, few), 77, 0, 1, 1.0f);
        test_embed(&test, type, 1, few, 1, 0, 1, 1.0f);
        test_embed(&test, type, 1100, wide, 130, vkh_weight_bytes(type, 600, wide), 3, 1.0f);
        test_embed(&test, type, 300, (uint32_t)vkh_round_up(64, few), 40, 0, 1, 25.3f);
    }
    test_embed(&test, VKH_F32, 50, 4, 70000, 0, 1, 1.0f); // more tokens than workgroups
    return gpu_test_close(&test);
}
