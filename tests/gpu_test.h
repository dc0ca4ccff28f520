// SPDX-License-Identifier: MIT
// What tests on a device share: opening it from the environment, buffers filled with random
// numbers, comparing with a tolerance that NaN fails.
#ifndef VKH_TESTS_GPU_TEST_H
#define VKH_TESTS_GPU_TEST_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gpu/buffer.h"
#include "gpu/device.h"
#include "gpu/stream.h"

struct gpu_test {
    struct vkh_device *device;
    struct vkh_stream *stream;
};

static void gpu_test_log(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

static inline bool gpu_test_flag(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

// VKHROPE_TEST_DEVICE selects the device, VKHROPE_TEST_MINIMUM_LIMITS=1 clamps it to the floor
// tier, VKHROPE_TEST_VARIANTS chooses kernel variants by hand, VKHROPE_TEST_VALIDATION=1 turns the
// validation layers on. Exits 77 without any device, 1 without the selected one.
static inline struct gpu_test gpu_test_open(void)
{
    static const struct vkh_log log = {gpu_test_log, NULL, VKH_LOG_WARNING};
    const struct vkh_device_options options = {
        .select = getenv("VKHROPE_TEST_DEVICE"),
        .minimum_limits = gpu_test_flag("VKHROPE_TEST_MINIMUM_LIMITS"),
        .variants = getenv("VKHROPE_TEST_VARIANTS"),
        .validation = gpu_test_flag("VKHROPE_TEST_VALIDATION"),
        .log = &log,
    };
    struct gpu_test test = {0};
    if (vkh_device_create(&options, &test.device) != VKH_OK)
        exit(options.select ? 1 : CHECK_SKIPPED);
    if (vkh_stream_create(test.device, &test.stream) != VKH_OK)
        exit(1);
    return test;
}

// Closes, counts a validation message as a failure, and gives main's exit status.
static inline int gpu_test_close(struct gpu_test *test)
{
    vkh_stream_destroy(&test->stream);
    CHECK(vkh_device_memory_use(test->device).device_now == 0);
    CHECK(vkh_device_memory_use(test->device).host_now == 0);
    CHECK(vkh_device_validation_messages(test->device) == 0);
    vkh_device_destroy(&test->device);
    return check_result();
}

enum { GPU_TEST_POISON = 0x7fa5a5a5 }; // a signalling NaN

// A device buffer that holds `bytes` of `data`, or of the poison pattern when data is NULL. Exits
// when it cannot.
static inline struct vkh_buffer *gpu_test_buffer(struct gpu_test *test, const void *data,
                                                 uint64_t bytes)
{
    struct vkh_buffer *buffer;
    if (vkh_buffer_create(test->device, "test", bytes, VKH_MEMORY_DEVICE, &buffer) != VKH_OK)
        exit(1);
    if (data && vkh_stream_write(test->stream, vkh_range_all(buffer), data) != VKH_OK)
        exit(1);
    if (!data)
        vkh_cmd_fill(vkh_stream_cmd(test->stream), vkh_range_all(buffer), GPU_TEST_POISON);
    return buffer;
}

// The buffer's content; the caller frees it. Exits when it cannot.
static inline void *gpu_test_read(struct gpu_test *test, const struct vkh_buffer *buffer)
{
    void *data = malloc(vkh_buffer_size(buffer));
    if (!data || vkh_stream_read(test->stream, data, vkh_range_all(buffer)) != VKH_OK)
        exit(1);
    return data;
}

// Columns [first, first + n) of a buffer of rows of `stride` floats, as rows of n into `columns`.
// What lies beside them must be poison still.
static inline void gpu_test_read_columns(struct gpu_test *test, const struct vkh_buffer *buffer,
                                         uint32_t stride, uint32_t first, uint32_t n,
                                         float *columns)
{
    uint32_t *words = gpu_test_read(test, buffer);
    uint64_t spoiled = 0;
    for (uint64_t i = 0; i < vkh_buffer_size(buffer) / sizeof(*words); i++) {
        const uint64_t column = i % stride - first; // wraps for those before
        if (column < n)
            memcpy(&columns[i / stride * n + column], &words[i], sizeof(*words));
        else
            spoiled += words[i] != GPU_TEST_POISON;
    }
    CHECK(spoiled == 0);
    free(words);
}

// xorshift64*: the same numbers on every machine.
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

// Uniform in [-1, 1).
static inline float test_uniform(uint64_t *state)
{
    return (float)((double)(test_random(state) >> 11) * 0x1p-52 - 1.0);
}

// `n` values scale * uniform; the caller frees them.
static inline float *test_floats(uint64_t *state, uint64_t n, float scale)
{
    float *values = malloc(n * sizeof(*values));
    if (!values)
        exit(1);
    for (uint64_t i = 0; i < n; i++)
        values[i] = scale * test_uniform(state);
    return values;
}

// Checks |got - want| <= absolute + relative * |want| for every element; names the first that
// fails.
static inline void check_close(const char *what, const float *got, const float *want, uint64_t n,
                               double absolute, double relative)
{
    uint64_t bad = 0, first = 0;
    for (uint64_t i = 0; i < n; i++) {
        const double difference = fabs((double)got[i] - (double)want[i]);
        if (!(difference <= absolute + relative * fabs((double)want[i])) && bad++ == 0)
            first = i;
    }
    CHECK_MSG(bad == 0, "%s: %llu of %llu differ, first [%llu]: got %.9g, want %.9g", what,
              (unsigned long long)bad, (unsigned long long)n, (unsigned long long)first,
              (double)got[first], (double)want[first]);
}

#endif
