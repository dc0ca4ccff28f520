// SPDX-License-Identifier: MIT
// The command line of vkhrope-bench.
#ifndef VKHROPE_TOOLS_BENCH_ARGS_H
#define VKHROPE_TOOLS_BENCH_ARGS_H

#include <vkhrope/perplexity.h>

#include "base/dtype.h"
#include "tool.h"

enum bench_command { BENCH_FORWARD, BENCH_MATMUL, BENCH_ATTENTION, BENCH_TABLE };

// Strings point into argv; lists are of malloc and released by bench_args_fini.
struct bench_args {
    enum bench_command command;
    const char *command_name;
    const char *shape, *model; // one of them
    uint32_t *lengths;         // never empty
    uint32_t n_lengths;
    uint32_t original_max_len;
    uint32_t chunk; // 0: for the device
    uint32_t repeat;
    enum vkh_dtype type; // of random weights, and of the operands of matmul
    bool type_given;
    enum vkh_kv_type kv_type;
    uint64_t memory; // bytes; 0: the device's
    struct vkh_device_options device;
    char *variants; // what device.variants points to
    bool json;
};

// Ends the process with TOOL_USAGE and a message when an option is wrong, with TOOL_OK after --help
// and --version.
void bench_args_parse(struct tool *tool, int argc, char **argv, struct bench_args *args);
void bench_args_fini(struct bench_args *args);

#endif
