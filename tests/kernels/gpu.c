// SPDX-License-Identifier: MIT
// The gpu room: transfers, dispatch, ordering of dependent work, limits, failures.
#include "base/clock.h"
#include "base/size.h"
#include "gpu_test.h"
#include "shaders/table.h"

struct push {
    uint32_t n, a;
};

// out = a * in + b, over n words.
static void record(struct gpu_test *test, const struct vkh_buffer *in, const struct vkh_buffer *out,
                   uint32_t n, uint32_t a, uint32_t b)
{
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_fill_test,
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
        .n_constants = 2,
        .constants = {64, b},
    };
    const struct vkh_pipeline *pipeline, *again;
    CHECK(vkh_pipeline_get(test->device, &desc, &pipeline) == VKH_OK);
    CHECK(vkh_pipeline_get(test->device, &desc, &again) == VKH_OK && again == pipeline);
    const struct push push = {n, a};
    vkh_cmd_dispatch(vkh_stream_cmd(test->stream),
                     &(struct vkh_dispatch){
                         .pipeline = pipeline,
                         .bindings = {vkh_range_all(in), vkh_range_all(out)},
                         .writes = 2,
                         .push = &push,
                         .groups = {(n + 63) / 64, 1, 1},
                         .cost = n,
                     });
}

static void test_transfers(struct gpu_test *test)
{
    const uint64_t bytes = (9u << 20) + 12; // more than one staging piece
    unsigned char *data = malloc(bytes);
    uint64_t state = 7;
    for (uint64_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)test_random(&state);
    struct vkh_buffer *buffer = gpu_test_buffer(test, data, bytes);
    unsigned char *back = gpu_test_read(test, buffer);
    CHECK(memcmp(data, back, bytes) == 0);
    free(back);
    free(data);
    vkh_buffer_destroy(&buffer);
    CHECK(buffer == NULL);
}

// A chain in which each step reads what the one before wrote, over many submits: x -> 3x + 1.
static void test_order(struct gpu_test *test)
{
    enum { N = 1000, STEPS = 3000 };
    uint32_t *values = malloc(N * sizeof(*values));
    for (uint32_t i = 0; i < N; i++)
        values[i] = i;
    struct vkh_buffer *a = gpu_test_buffer(test, values, N * 4);
    struct vkh_buffer *b = gpu_test_buffer(test, NULL, N * 4);
    CHECK(vkh_stream_finish(test->stream) == VKH_OK);
    const double busy = vkh_stream_times(test->stream).busy, began = vkh_clock();
    for (int step = 0; step < STEPS; step += 2) {
        record(test, a, b, N, 3, 1);
        record(test, b, a, N, 3, 1);
    }
    CHECK(vkh_stream_finish(test->stream) == VKH_OK);
    const double busy_now = vkh_stream_times(test->stream).busy - busy;
    // Timestamps are the device's clock, which may run a little faster than the host's.
    CHECK(busy_now <= 1.001 * (vkh_clock() - began));
    uint32_t *got = gpu_test_read(test, a);
    for (uint32_t i = 0; i < N; i++) {
        for (int step = 0; step < STEPS; step++)
            values[i] = 3 * values[i] + 1;
    }
    CHECK(memcmp(got, values, N * 4) == 0);
    if (vkh_device_caps(test->device)->timestamp_ns > 0.0)
        CHECK(busy_now > 0.0);
    free(got);
    free(values);
    vkh_buffer_destroy(&a);
    vkh_buffer_destroy(&b);
}

static void test_failures(struct gpu_test *test)
{
    struct vkh_buffer *buffer;
    CHECK(vkh_buffer_create(test->device, "empty", 0, VKH_MEMORY_DEVICE, &buffer) ==
          VKH_ERR_ARGUMENT);
    CHECK(vkh_buffer_create(test->device, "huge", UINT64_MAX / 2, VKH_MEMORY_DEVICE, &buffer) ==
              VKH_ERR_DEVICE_MEMORY &&
          !buffer);

    struct gpu_test other = *test;
    CHECK(vkh_stream_create(test->device, &other.stream) == VKH_OK);
    struct vkh_buffer *a = gpu_test_buffer(&other, NULL, 256);
    CHECK(vkh_stream_finish(other.stream) == VKH_OK);
    record(&other, a, a, 0, 1, 0);
    CHECK(vkh_stream_finish(other.stream) == VKH_ERR_INTERNAL);
    CHECK(vkh_stream_submit(other.stream, NULL) == VKH_ERR_INTERNAL);
    vkh_stream_destroy(&other.stream);
    vkh_buffer_destroy(&a);

    struct vkh_device *none;
    const struct vkh_device_options options = {.select = "no such device"};
    CHECK(vkh_device_create(&options, &none) == VKH_ERR_DEVICE && !none);
}

static void count_device(void *user, uint32_t index, const struct vkh_caps *caps)
{
    (void)index;
    CHECK(caps->device_name[0] && caps->max_storage_range >= 1u << 27);
    ++*(int *)user;
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    const struct vkh_caps *caps = vkh_device_caps(test.device);
    fprintf(stderr, "%s, %s %s\n", caps->device_name, caps->driver_name, caps->driver_info);
    test_transfers(&test);
    test_order(&test);
    test_failures(&test);
    int devices = 0;
    CHECK(vkh_device_list(NULL, count_device, &devices) == VKH_OK && devices > 0);
    return gpu_test_close(&test);
}
