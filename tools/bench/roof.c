// SPDX-License-Identifier: MIT
// What the device can do at most, by kernels of its own: arithmetic on registers alone, and
// copying.
#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "bench.h"
#include "gpu/matrix_order.h"
#include "shaders/roof_tiles.h"
#include "shaders/table.h"

enum { GROUP = 64, COPY_GROUPS = 8192, FIRST_ROUNDS = 16, MOST_ROUNDS = 1 << 24 };
enum { SUBGROUPS = 8, MOST_OPERANDS = 8 }; // of the matrix kernels
static const uint64_t COPY_BYTES = (uint64_t)512 << 20, COPY_BYTES_CPU = (uint64_t)64 << 20;
static const double SECONDS = 0.01; // of one call, at least

// A kernel with an output that it never writes, random halves where it has operands, and struct
// roof_push; a workgroup does `operations` a round.
struct roof_kernel {
    const char *name;
    struct vkh_matrix_shape shape; // of the device's cooperative matrices; zeros: needs none
    const struct vkh_shader *shader;
    uint32_t groups, cpu_groups;
    double operations;
};

struct roof_push {
    uint32_t rounds;
    float factor, addend;
};

#define MATRICES(m, n, k)                                                                          \
    {                                                                                              \
        "fp16 matrices " #m "x" #n "x" #k, {m, n, k}, &vkh_shader_roof_matrix_##m##x##n##x##k,     \
            16384, 64, SUBGROUPS *ROOF_TILES(m, k) * ROOF_TILES(m, k) * 2.0 * (m) * (n) * (k)      \
    }

static const struct roof_kernel kernels[] = {
    {"fp32", {0}, &vkh_shader_roof_fma, 16384, 64, GROUP * 8.0 * 8 * 4 * 2},
    MATRICES(16, 16, 16),
    MATRICES(8, 16, 16),
    MATRICES(8, 8, 16),
    MATRICES(8, 8, 8),
};

struct roof_run {
    struct bench *bench;
    const struct vkh_pipeline *pipeline;
    struct vkh_buffer *from, *to;
    struct roof_push push;
    uint32_t groups;
    double operations; // of a round of all groups
};

static enum vkh_status run_kernel(void *user)
{
    const struct roof_run *run = user;
    vkh_cmd_dispatch(vkh_stream_cmd(run->bench->stream),
                     &(struct vkh_dispatch){
                         .pipeline = run->pipeline,
                         .bindings = {vkh_range_all(run->to), vkh_range_all(run->from)},
                         .writes = 1 << 0,
                         .push = &run->push,
                         .groups = {run->groups, 1, 1},
                         .cost = 0.5 * run->operations * run->push.rounds,
                     });
    return VKH_OK;
}

// As many rounds as take long enough to be timed.
static enum vkh_status choose_rounds(struct roof_run *run)
{
    for (run->push.rounds = FIRST_ROUNDS;; run->push.rounds *= 2) {
        double seconds;
        const enum vkh_status status =
            bench_time(run->bench->device, run->bench->stream, run_kernel, run, &seconds);
        if (status != VKH_OK || seconds >= SECONDS || run->push.rounds >= MOST_ROUNDS)
            return status;
    }
}

static enum vkh_status measure_kernel(struct roof_run *run, const struct roof_kernel *kernel)
{
    struct bench *bench = run->bench;
    const uint32_t lanes = vkh_matrix_subgroup(&kernel->shape);
    struct vkh_pipeline_desc desc = {
        .shader = kernel->shader, .n_bindings = 1, .push_bytes = sizeof(struct roof_push)};
    if (lanes) {
        desc.n_bindings = 2;
        desc.n_constants = 1;
        desc.constants[0] = SUBGROUPS * lanes;
        desc.subgroup_size = vkh_device_subgroup(bench->device, lanes);
    }
    run->groups = vkh_device_caps(bench->device)->is_cpu ? kernel->cpu_groups : kernel->groups;
    run->operations = kernel->operations * run->groups;
    run->push = (struct roof_push){.factor = 0.5f, .addend = 0.25f};
    struct bench_times times;
    enum vkh_status status = vkh_pipeline_get(bench->device, &desc, &run->pipeline);
    if (status == VKH_OK)
        status = choose_rounds(run);
    if (status == VKH_OK)
        status = bench_measure(bench->device, bench->stream, run_kernel, run, bench->args->repeat,
                               &times);
    if (status != VKH_OK)
        return status;
    const double rate = run->operations * run->push.rounds / times.device.median;
    if (rate > bench->roofs.best) {
        bench->roofs.best = rate;
        bench->roofs.best_name = kernel->name;
    }
    json_array_append_new(bench->roofs.all,
                          json_pack("{s:s, s:f}", "name", kernel->name, "tflops", 1e-12 * rate));
    return VKH_OK;
}

static enum vkh_status run_copy(void *user)
{
    const struct roof_run *run = user;
    const uint32_t n = (uint32_t)(vkh_buffer_size(run->to) / 16);
    vkh_cmd_dispatch(vkh_stream_cmd(run->bench->stream),
                     &(struct vkh_dispatch){
                         .pipeline = run->pipeline,
                         .bindings = {vkh_range_all(run->from), vkh_range_all(run->to)},
                         .writes = 1 << 1,
                         .push = &n,
                         .groups = {COPY_GROUPS, 1, 1},
                         .cost = n,
                     });
    return VKH_OK;
}

static enum vkh_status measure_copy(struct roof_run *run)
{
    struct bench *bench = run->bench;
    const struct vkh_pipeline_desc desc = {
        .shader = &vkh_shader_roof_copy, .n_bindings = 2, .push_bytes = 4};
    struct bench_times times;
    enum vkh_status status = vkh_pipeline_get(bench->device, &desc, &run->pipeline);
    if (status == VKH_OK)
        status =
            bench_measure(bench->device, bench->stream, run_copy, run, bench->args->repeat, &times);
    if (status == VKH_OK)
        bench->roofs.copy_bytes = 2.0 * (double)vkh_buffer_size(run->to) / times.device.median;
    return status;
}

static void share_out(const struct bench *bench)
{
    size_t i;
    json_t *row;
    json_array_foreach(bench->results, i, row)
    {
        const double rate = 1e12 * json_real_value(json_object_get(row, "tflops"));
        json_object_set_new(row, "roof_share", json_real(rate / bench->roofs.best));
    }
}

static bool is_shape(const struct bench *bench, const struct vkh_matrix_shape *shape)
{
    const struct vkh_matrix_shape *own = &vkh_device_caps(bench->device)->matrix;
    return own->m == shape->m && own->n == shape->n && own->k == shape->k;
}

// What the copy has read becomes operands.
static enum vkh_status measure_kernels(struct roof_run *run)
{
    struct bench *bench = run->bench;
    uint16_t operands[MOST_OPERANDS * 16 * 16];
    uint64_t state = 1;
    struct vkh_matrix_layout layout;
    enum vkh_status status = vkh_matrix_layout(bench->device, &layout);
    vkh_random_fill(&state, VKH_F16, operands, VKH_COUNTOF(operands), 1.0f);
    if (status == VKH_OK)
        status =
            vkh_stream_write(bench->stream, vkh_range(run->from, 0, sizeof(operands)), operands);
    for (size_t i = 0; i < VKH_COUNTOF(kernels) && status == VKH_OK; i++)
        if (kernels[i].shape.m == 0 || (layout.side && is_shape(bench, &kernels[i].shape)))
            status = measure_kernel(run, &kernels[i]);
    return status;
}

enum vkh_status bench_roofs_measure(struct bench *bench)
{
    const struct vkh_caps *caps = vkh_device_caps(bench->device);
    const uint64_t most = caps->is_cpu ? COPY_BYTES_CPU : COPY_BYTES;
    const uint64_t bytes =
        vkh_min_size(most, vkh_min_size(caps->max_storage_range, caps->heap_bytes / 8)) &
        ~UINT64_C(15);
    struct roof_run run = {.bench = bench};
    bench->roofs.all = json_array();
    enum vkh_status status =
        vkh_buffer_create(bench->device, "copy source", bytes, VKH_MEMORY_DEVICE, &run.from);
    if (status == VKH_OK)
        status = vkh_buffer_create(bench->device, "copy target", bytes, VKH_MEMORY_DEVICE, &run.to);
    if (status == VKH_OK) {
        vkh_cmd_fill(vkh_stream_cmd(bench->stream), vkh_range_all(run.from), 0x3c2d1e0f);
        status = measure_copy(&run);
    }
    if (status == VKH_OK)
        status = measure_kernels(&run);
    vkh_buffer_destroy(&run.from);
    vkh_buffer_destroy(&run.to);
    if (status == VKH_OK)
        share_out(bench);
    return status;
}
