// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "bench.h"
#include "model/model.h"

enum vkh_status bench_add_row(struct bench *bench, json_t *row, const struct bench_spread *seconds,
                              double operations)
{
    json_t *times = json_pack("{s:f, s:f, s:f, s:f, s:f}",     // one value a key
                              "seconds", seconds->median,      //
                              "seconds_least", seconds->least, //
                              "seconds_most", seconds->most,   //
                              "spread", (seconds->most - seconds->least) / seconds->median, //
                              "tflops", 1e-12 * operations / seconds->median);
    if (json_object_update_new(row, times) == 0 && json_array_append(bench->results, row) == 0) {
        json_decref(row);
        return VKH_OK;
    }
    json_decref(row);
    return vkh_fail(&bench->log, VKH_ERR_MEMORY, "results: out of memory");
}

static json_t *shape_object(const struct vkh_config *c)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b}", //
                     "name", c->name,                                                     //
                     "architecture", c->architecture,                                     //
                     "n_layers", (json_int_t)c->n_layers,                                 //
                     "hidden", (json_int_t)c->hidden,                                     //
                     "n_heads", (json_int_t)c->n_heads,                                   //
                     "n_kv_heads", (json_int_t)c->n_kv_heads,                             //
                     "head_dim", (json_int_t)c->head_dim,                                 //
                     "ffn", (json_int_t)c->ffn,                                           //
                     "vocab", (json_int_t)c->vocab,                                       //
                     "context_length", (json_int_t)c->context_length,                     //
                     "norm_eps", c->norm_eps,                                             //
                     "rope_base", c->rope_base,                                           //
                     "tied", (int)c->tied);
}

static json_t *results_object(const struct bench *bench)
{
    const struct vkh_caps *caps = vkh_device_caps(bench->device);
    const struct vkh_model_info info = vkh_model_get_info(bench->model);
    char driver[sizeof(caps->driver_name) + sizeof(caps->driver_info)];
    snprintf(driver, sizeof(driver), "%s%s%s", caps->driver_name, *caps->driver_info ? " " : "",
             caps->driver_info);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s*, s:s*, s:I, s:I, s:O, s:s, s:f, s:f, s:I, "
        "s:O}",                                                //
        "version", VKH_VERSION,                                //
        "command", bench->args->command_name,                  //
        "device", caps->device_name,                           //
        "driver", driver,                                      //
        "clock", caps->timestamp_ns > 0.0 ? "device" : "host", //
        "shape", shape_object(bench->config),                  //
        "weight_type", info.weight_type,                       //
        "tier", bench->layout.side ? "matrix" : "rows",        //
        "kv_type", bench->kv_type,                             //
        "variants", *bench->variants ? bench->variants : NULL, //
        "chunk", (json_int_t)bench->chunk,                     //
        "repeat", (json_int_t)bench->args->repeat,             //
        "roofs", bench->roofs.all,                             //
        "roof", bench->roofs.best_name,                        //
        "roof_tflops", 1e-12 * bench->roofs.best,              //
        "copy_gb_per_second", 1e-9 * bench->roofs.copy_bytes,  //
        "peak_device_bytes", (json_int_t)bench->peak_bytes,    //
        "results", bench->results);
}

static enum vkh_status write_json(const struct bench *bench)
{
    json_t *object = results_object(bench);
    if (!object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0) {
        json_decref(object);
        return vkh_fail(&bench->log, VKH_ERR_IO, "standard output: cannot write the results");
    }
    json_decref(object);
    putchar('\n');
    return VKH_OK;
}

// A column of the table: the value of `key`, times `scale`.
struct column {
    const char *key, *title;
    double scale;
    int width, decimals; // decimals -1: a text or a whole number
};

static const struct column columns[] = {
    {"matrix", "matrix", 1, -12, -1},
    {"type", "type", 1, -5, -1},
    {"variant", "variant", 1, -10, -1},
    {"unpack", "unpack", 1, -8, -1},
    {"tile", "tile", 1, -8, -1},
    {"m", "m", 1, 7, -1},
    {"n", "n", 1, 7, -1},
    {"k", "k", 1, 7, -1},
    {"length", "length", 1, 7, -1},
    {"device_tokens", "tokens", 1, 8, -1},
    {"seconds", "ms", 1e3, 11, 3},
    {"spread", "spread %", 1e2, 9, 1},
    {"tokens_per_second", "tokens/s", 1, 10, 0},
    {"tflops", "TFLOP/s", 1, 9, 3},
    {"roof_share", "% of roof", 1e2, 10, 1},
    {"busy", "busy %", 1e2, 8, 1},
    {"error", "error", 1, 9, 6},
};

static void print_value(const struct column *column, const json_t *value)
{
    if (json_is_string(value))
        printf(" %*s", column->width, json_string_value(value));
    else if (column->decimals < 0)
        printf(" %*lld", column->width, (long long)json_integer_value(value));
    else
        printf(" %*.*f", column->width, column->decimals, column->scale * json_number_value(value));
}

static void print_rows(const json_t *rows)
{
    size_t i;
    const json_t *row, *first = json_array_get(rows, 0);
    for (size_t c = 0; c < VKH_COUNTOF(columns); c++)
        if (json_object_get(first, columns[c].key))
            printf(" %*s", columns[c].width, columns[c].title);
    putchar('\n');
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < VKH_COUNTOF(columns); c++) {
            const json_t *value = json_object_get(row, columns[c].key);
            if (value)
                print_value(&columns[c], value);
        }
        putchar('\n');
    }
}

static void write_table(const struct bench *bench)
{
    const struct vkh_caps *caps = vkh_device_caps(bench->device);
    const struct vkh_model_info info = vkh_model_get_info(bench->model);
    size_t i;
    const json_t *roof;
    printf("device   ");
    tool_print(caps->device_name);
    printf(", %s %s%s\n", caps->driver_name, caps->driver_info,
           caps->timestamp_ns > 0.0 ? "" : ", no timestamps: wall time");
    printf("roof    ");
    json_array_foreach(bench->roofs.all, i, roof)
        printf(" %s %.3f TFLOP/s,", json_string_value(json_object_get(roof, "name")),
               json_real_value(json_object_get(roof, "tflops")));
    printf(" copy %.1f GB/s; shares are of %s\n", 1e-9 * bench->roofs.copy_bytes,
           bench->roofs.best_name);
    printf("model    ");
    tool_print(info.name);
    printf(", %s weights", info.weight_type);
    if (bench->kv_type)
        printf(", %s keys and values, chunks of %u", bench->kv_type, bench->chunk);
    printf("\nmemory   %s of the device at the peak\n", tool_bytes(bench->peak_bytes).text);
    const struct vkh_matrix_shape *shape = &vkh_device_caps(bench->device)->matrix;
    if (bench->layout.side)
        printf("tier     matrix: cooperative matrices of %ux%ux%u\n", shape->m, shape->n, shape->k);
    else
        printf("tier     rows: fp32\n");
    if (*bench->variants)
        printf("kernels  %s\n", bench->variants);
    print_rows(bench->results);
}

enum vkh_status bench_write(const struct bench *bench)
{
    if (bench->args->json)
        return write_json(bench);
    write_table(bench);
    return VKH_OK;
}
