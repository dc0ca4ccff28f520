// SPDX-License-Identifier: MIT
// vkhrope-bench: how fast the kernels and the whole job run, beside what the device can do.
#include "bench.h"
#include "graph/graph.h"
#include "model/model.h"
#include "model/shape.h"

static enum vkh_status open_model(struct bench *bench)
{
    const struct bench_args *args = bench->args;
    const enum vkh_status status =
        args->model
            ? vkh_model_open(args->model, &bench->log, &bench->model)
            : vkh_model_random(vkh_shape_find(args->shape), args->type, &bench->log, &bench->model);
    if (status == VKH_OK)
        bench->config = &bench->model->config;
    return status;
}

static enum vkh_status run(struct bench *bench)
{
    static enum vkh_status (*const commands[])(struct bench * bench) = {
        [BENCH_FORWARD] = bench_forward,
        [BENCH_MATMUL] = bench_matmul,
        [BENCH_ATTENTION] = bench_attention,
        [BENCH_TABLE] = bench_table,
    };
    enum vkh_status status = open_model(bench);
    if (status == VKH_OK)
        status = tool_open_device(bench->tool, bench->args->device, &bench->device);
    if (status == VKH_OK)
        status = vkh_stream_create(bench->device, &bench->stream);
    if (status == VKH_OK)
        bench->layout = vkh_graph_plan(bench->device, bench->model,
                                       &(struct vkh_graph_wish){.kv = bench->args->kv_type})
                            .layout;
    if (status == VKH_OK)
        status = commands[bench->args->command](bench);
    if (status == VKH_OK) {
        bench->peak_bytes = vkh_device_memory_use(bench->device).device_peak;
        status = bench_roofs_measure(bench);
    }
    if (status == VKH_OK)
        status = bench_write(bench);
    return status;
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "vkhrope-bench"};
    struct bench_args args;
    bench_args_parse(&tool, argc, argv, &args);
    struct bench bench = {
        .tool = &tool, .args = &args, .log = tool_log(&tool), .results = json_array()};
    const enum vkh_status status = run(&bench);
    json_decref(bench.results);
    json_decref(bench.roofs.all);
    vkh_stream_destroy(&bench.stream);
    vkh_device_destroy(&bench.device);
    vkh_model_close(&bench.model);
    bench_args_fini(&args);
    return tool_finish(&tool, tool_exit_of(status));
}
