// SPDX-License-Identifier: MIT
// What the commands of vkhrope-bench share: the device at work, its roofs, timing, rows of results.
#ifndef VKHROPE_TOOLS_BENCH_BENCH_H
#define VKHROPE_TOOLS_BENCH_BENCH_H

#include <jansson.h>

#include "args.h"
#include "gpu/device.h"
#include "gpu/matrix.h"
#include "gpu/stream.h"
#include "model/config.h"

// What outputs are filled with before: not a number, as fp32 and as two halves.
enum { BENCH_NOT_WRITTEN = 0x7fa57fa5 };

struct bench_roofs {
    json_t *all; // [{name, tflops}]
    double best; // operations a second
    const char *best_name;
    double copy_bytes; // read and written, a second
};

struct bench {
    struct tool *tool;
    const struct bench_args *args;
    struct vkh_log log;
    struct vkh_device *device;
    struct vkh_stream *stream;
    struct vkh_model *model;         // random or from a file
    const struct vkh_config *config; // of the model
    // Of the cooperative matrices that the forward pass runs on; side 0: it runs on rows of fp32.
    struct vkh_matrix_layout layout;
    struct bench_roofs roofs;
    char variants[256];  // of the forward pass, empty when none was made
    const char *kv_type; // NULL when no keys are kept
    uint32_t chunk;      // 0 when nothing is cut into chunks
    uint64_t peak_bytes; // of device memory, roofs not counted
    json_t *results;     // array of rows
};

struct bench_spread {
    double median, least, most;
};

// Seconds of one call: the device's timestamps (wall time where there are none) and wall time.
struct bench_times {
    struct bench_spread device, wall;
};

// One call's work on the stream, recorded or finished.
typedef enum vkh_status bench_run_fn(void *user);

// Runs for 0.3 s as warm-up (0.03 s where the device is the processor), then `repeat` times as many
// calls as take 0.05 s. `stream` is where `run` works.
enum vkh_status bench_measure(struct vkh_device *device, struct vkh_stream *stream,
                              bench_run_fn *run, void *user, uint32_t repeat,
                              struct bench_times *times);

// Device seconds of one call.
enum vkh_status bench_time(struct vkh_device *device, struct vkh_stream *stream, bench_run_fn *run,
                           void *user, double *seconds);

// The rate of every roof kernel that the device supports, and of copying; gives every row its
// roof_share of the best, whatever tier it ran on.
enum vkh_status bench_roofs_measure(struct bench *bench);

// Adds a row: `row` with seconds, seconds_least, seconds_most, spread and tflops. Takes `row` over.
enum vkh_status bench_add_row(struct bench *bench, json_t *row, const struct bench_spread *seconds,
                              double operations);

// VKH_ERR_INTERNAL, naming `what`, unless `got` is everywhere within a hundredth of the root mean
// square of `want`. *error is the largest difference, in units of that.
enum vkh_status bench_compare(struct bench *bench, const char *what, const float *got,
                              const float *want, uint64_t n, double *error);

// One buffer of the device with rows of `bytes` bytes, row r a copy of row r % n of `block`.
enum vkh_status bench_buffer_repeat(struct bench *bench, const char *name, const void *block,
                                    uint64_t bytes, uint64_t n, uint64_t rows,
                                    struct vkh_buffer **buffer);

// The same of a left operand (kernels/panel.h) of n_tokens rows: row r is row r % n of `x` as
// halves, [n][cols]. n is a multiple of the layout's side.
enum vkh_status bench_buffer_left(struct bench *bench, const char *name, const float *x, uint64_t n,
                                  uint64_t cols, uint64_t n_tokens, struct vkh_buffer **buffer);

// Columns [first, first + n) of a token of a left operand; both are multiples of the layout's side.
enum vkh_status bench_read_left(struct bench *bench, const struct vkh_buffer *buffer, uint64_t cols,
                                uint64_t token, uint64_t first, uint64_t n, float *to);

enum vkh_status bench_matmul(struct bench *bench);
enum vkh_status bench_attention(struct bench *bench);
enum vkh_status bench_forward(struct bench *bench);
enum vkh_status bench_table(struct bench *bench);

// Results on stdout.
enum vkh_status bench_write(const struct bench *bench);

#endif
