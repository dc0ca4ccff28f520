// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "bench.h"

// Seconds. A GPU idles at low clocks.
static const double WARM_UP = 0.3, WARM_UP_CPU = 0.03, REPETITION = 0.05;
enum { MOST_CALLS = 1000 };

struct sample {
    double device, wall; // seconds of one call
};

static enum vkh_status take(struct vkh_device *device, struct vkh_stream *stream, bench_run_fn *run,
                            void *user, uint32_t calls, struct sample *sample)
{
    const double busy = vkh_stream_times(stream).busy, began = vkh_clock();
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < calls && status == VKH_OK; i++)
        status = run(user);
    const enum vkh_status finished = vkh_stream_finish(stream);
    sample->wall = (vkh_clock() - began) / calls;
    sample->device = (vkh_stream_times(stream).busy - busy) / calls;
    if (vkh_device_caps(device)->timestamp_ns <= 0.0)
        sample->device = sample->wall;
    return status == VKH_OK ? finished : status;
}

enum vkh_status bench_time(struct vkh_device *device, struct vkh_stream *stream, bench_run_fn *run,
                           void *user, double *seconds)
{
    struct sample sample;
    const enum vkh_status status = take(device, stream, run, user, 1, &sample);
    *seconds = sample.device;
    return status;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sorts the values.
static struct bench_spread spread_of(double *values, uint32_t n)
{
    qsort(values, n, sizeof(*values), compare);
    return (struct bench_spread){
        .median = (values[(n - 1) / 2] + values[n / 2]) / 2.0,
        .least = values[0],
        .most = values[n - 1],
    };
}

static enum vkh_status warm_up(struct vkh_device *device, struct vkh_stream *stream,
                               bench_run_fn *run, void *user, double *seconds_a_call)
{
    const double began = vkh_clock();
    const double enough = vkh_device_caps(device)->is_cpu ? WARM_UP_CPU : WARM_UP;
    enum vkh_status status = VKH_OK;
    struct sample sample = {0};
    for (uint32_t calls = 1; status == VKH_OK && vkh_clock() - began < enough; calls *= 2)
        status = take(device, stream, run, user, calls, &sample);
    *seconds_a_call = sample.wall;
    return status;
}

enum vkh_status bench_measure(struct vkh_device *device, struct vkh_stream *stream,
                              bench_run_fn *run, void *user, uint32_t repeat,
                              struct bench_times *times)
{
    double *values = calloc(repeat, 2 * sizeof(*values)), seconds;
    if (!values)
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "times: out of memory");
    enum vkh_status status = warm_up(device, stream, run, user, &seconds);
    const double fitting = fmin(ceil(REPETITION / fmax(seconds, 1e-9)), MOST_CALLS);
    for (uint32_t i = 0; i < repeat && status == VKH_OK; i++) {
        struct sample sample;
        status = take(device, stream, run, user, (uint32_t)fitting, &sample);
        values[i] = sample.device;
        values[repeat + i] = sample.wall;
    }
    if (status == VKH_OK)
        *times =
            (struct bench_times){spread_of(values, repeat), spread_of(values + repeat, repeat)};
    free(values);
    return status;
}

enum vkh_status bench_compare(struct bench *bench, const char *what, const float *got,
                              const float *want, uint64_t n, double *error)
{
    const double most = bench->layout.bf16 ? 0.03 : 0.01;
    double squares = 0.0, worst = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        const double difference = fabs((double)got[i] - (double)want[i]);
        squares += (double)want[i] * (double)want[i];
        worst = difference > worst || isnan(difference) ? difference : worst;
    }
    *error = worst / sqrt(squares / (double)n);
    if (*error <= most)
        return VKH_OK;
    return vkh_fail(&bench->log, VKH_ERR_INTERNAL,
                    "%s: results are off by %g of their size (at most %g); not timed", what, *error,
                    most);
}

enum vkh_status bench_buffer_repeat(struct bench *bench, const char *name, const void *block,
                                    uint64_t bytes, uint64_t n, uint64_t rows,
                                    struct vkh_buffer **buffer)
{
    enum vkh_status status =
        vkh_buffer_create(bench->device, name, rows * bytes, VKH_MEMORY_DEVICE, buffer);
    for (uint64_t row = 0; row < rows && status == VKH_OK; row += n)
        status = vkh_stream_write(
            bench->stream, vkh_range(*buffer, row * bytes, vkh_min_size(n, rows - row) * bytes),
            block);
    return status;
}
