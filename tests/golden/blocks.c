// SPDX-License-Identifier: MIT
// Dequantisation, on the host and on the device, against the gguf package's (README.md): the same
// number for every element of random and extreme blocks. Argument: the folder of the fixtures.
#include "base/dtype.h"
#include "base/file.h"
#include "kernels/embed.h"
#include "weight_test.h"

// The same number; NaN is one.
static void check_same(const char *what, const char *type, const float *got, const float *want,
                       uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        CHECK_MSG(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])),
                  "%s, %s: element %llu is %.9g, not %.9g", what, type, (unsigned long long)i,
                  (double)got[i], (double)want[i]);
}

// Every block is a row of a table that is looked up.
static void check_device(struct gpu_test *test, enum vkh_dtype type, const uint8_t *blocks,
                         const float *want, uint32_t n)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t cols = info->block_elements;
    struct vkh_weight table = test_weight(test, type, blocks, n, cols, 0);
    int32_t *ids = malloc(n * sizeof(*ids));
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (int32_t)i;
    struct vkh_buffer *ids_buffer = gpu_test_buffer(test, ids, n * sizeof(*ids));
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * cols * 4);
    struct vkh_embed embed;
    CHECK(vkh_embed_create(test->device, type, &embed) == VKH_OK);
    vkh_embed_record(
        &embed, vkh_stream_cmd(test->stream),
        &(struct vkh_embed_args){vkh_range_all(ids_buffer), &table, vkh_range_all(out), n, 1.0f});
    float *got = gpu_test_read(test, out);
    check_same("device", info->name, got, want, n * cols);
    vkh_weight_destroy(&table);
    vkh_buffer_destroy(&ids_buffer);
    vkh_buffer_destroy(&out);
    free(got);
    free(ids);
}

static void test_type(struct gpu_test *test, enum vkh_dtype type, const char *folder)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    char path[1024];
    struct vkh_file file;
    uint32_t n;
    snprintf(path, sizeof(path), "%s/blocks-%s.bin", folder, info->name);
    if (vkh_file_open(path, vkh_device_log(test->device), &file) != VKH_OK || file.size < sizeof(n))
        exit(1);
    memcpy(&n, file.data, sizeof(n));
    const uint64_t elements = (uint64_t)n * info->block_elements;
    const uint64_t bytes = (uint64_t)n * info->block_bytes;
    CHECK(n > 10 && file.size == sizeof(n) + bytes + elements * sizeof(float));
    const uint8_t *blocks = file.data + sizeof(n);
    float *want = malloc(elements * sizeof(*want)), *got = malloc(elements * sizeof(*got));
    memcpy(want, blocks + bytes, elements * sizeof(*want));
    info->to_float(blocks, got, elements);
    check_same("host", info->name, got, want, elements);
    check_device(test, type, blocks, want, n);
    free(want);
    free(got);
    vkh_file_close(&file);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 1;
    struct gpu_test test = gpu_test_open();
    for (int type = VKH_Q4_0; type < VKH_N_DTYPES; type++)
        test_type(&test, (enum vkh_dtype)type, argv[1]);
    return gpu_test_close(&test);
}
