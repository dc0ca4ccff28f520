// SPDX-License-Identifier: MIT
#include "args.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "model/shape.h"

enum {
    OPT_SHAPE = 256,
    OPT_MODEL,
    OPT_LENGTHS,
    OPT_ORIGINAL,
    OPT_TYPE,
    OPT_KV_TYPE,
    OPT_CHUNK,
    OPT_MEMORY,
    OPT_DEVICE,
    OPT_VARIANT,
    OPT_CAPS_MASK,
    OPT_REPEAT,
    OPT_FORMAT,
};

static const struct argp_option options[] = {
    TOOL_HEADING("What to measure:", 1),
    {"shape", OPT_SHAPE, "NAME", 0,
     "random weights of llama3-8b (default), qwen2.5-7b, mistral-7b, gemma2-9b, smollm2-135m, demo",
     2},
    {"model", OPT_MODEL, "FILE|DIR", 0, "a model's own weights and shape instead", 3},
    {"type", OPT_TYPE, "TYPE", 0, "of random weights: f16 (default), q4_k, ...", 4},
    {"lengths", OPT_LENGTHS, "N,N,...", 0, "tokens (default: as the command has it)", 5},
    {"original-max-len", OPT_ORIGINAL, "N", 0, "of the table's methods (default: 8192)", 6},
    {"kv-type", OPT_KV_TYPE, "TYPE", 0, "keys and values as f32, f16, q8_0 or auto", 7},
    {"chunk", OPT_CHUNK, "N", 0, "tokens at once", 8},
    {"memory", OPT_MEMORY, "SIZE", 0, "of forward and table: as vkhrope-ppl", 9},
    {"repeat", OPT_REPEAT, "N", 0, "timed repetitions, the median counts (default: 5)", 10},
    TOOL_HEADING("\nWhere, and what to write:", 20),
    {"device", OPT_DEVICE, "N|NAME", 0, "Vulkan device by index or part of its name", 21},
    {"variant", OPT_VARIANT, "OP=NAME", 0, "kernel by hand (see vkhrope-info); repeatable", 22},
    {"caps-mask", OPT_CAPS_MASK, "LIST", 0, "device capabilities to leave unused", 23},
    {"format", OPT_FORMAT, "NAME", 0, "table or json", 24},
    {"quiet", 'q', NULL, 0, "errors only on standard error", 25},
    {"verbose", 'v', NULL, 0, "tell what the library does", 26},
    {0},
};

static const char doc[] =
    "How fast a Vulkan device is, and which share of its roof the kernels reach.\n\n"
    "  forward    the forward pass with its NLL\n"
    "  matmul     its matrix products\n"
    "  attention  causal attention\n"
    "  table      the whole published table: 7 lengths, 3 methods\v"
    "Example:\n"
    "  vkhrope-bench forward --shape llama3-8b --lengths 8192,49152\n\n" TOOL_EXIT_HELP
    "\nMore: man vkhrope-bench";

static const struct {
    const char *name;
    const char *lengths; // without --lengths
} commands[] = {
    [BENCH_FORWARD] = {"forward", "8192"},
    [BENCH_MATMUL] = {"matmul", "8192"},
    [BENCH_ATTENTION] = {"attention", "16384,49152"},
    [BENCH_TABLE] = {"table", "16384,20480,24576,28672,32768,40960,49152"},
};
enum { MOST_TOKENS = 1 << 24 };
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

struct parse {
    struct tool *tool;
    struct bench_args *args;
};

static void parse_command(const struct tool *tool, const char *text, struct bench_args *args)
{
    if (args->command_name)
        tool_die(tool, TOOL_USAGE, "\"%s\": there is already a command, %s", text,
                 args->command_name);
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(text, commands[i].name) == 0) {
            args->command = (enum bench_command)i;
            args->command_name = commands[i].name;
        }
    }
    if (!args->command_name)
        tool_die(tool, TOOL_USAGE, "\"%s\" is none of forward, matmul, attention, table", text);
}

static enum vkh_dtype parse_type(const struct tool *tool, const char *text)
{
    static const struct {
        const char *name;
        enum vkh_dtype type;
    } types[] = {
#define OF_TYPE(NAME, name) {#name, VKH_##NAME},
        VKH_DTYPES(OF_TYPE)
#undef OF_TYPE
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(text, types[i].name) == 0)
            return types[i].type;
    tool_die(tool, TOOL_USAGE,
             "--type: \"%s\" is none of f32, f16, bf16 or GGUF's block types such as q4_k and q8_0",
             text);
}

static bool parse_format(const struct tool *tool, const char *text)
{
    if (strcmp(text, "table") != 0 && strcmp(text, "json") != 0)
        tool_die(tool, TOOL_USAGE, "--format: \"%s\" is none of table, json", text);
    return strcmp(text, "json") == 0;
}

static error_t parse_where(int key, char *text, const struct tool *tool, struct bench_args *args)
{
    switch (key) {
    case OPT_CHUNK:
        args->chunk = tool_option_number(tool, "--chunk", text, 1, UINT32_MAX);
        return 0;
    case OPT_MEMORY:
        args->memory = tool_option_bytes(tool, "--memory", text);
        return 0;
    case OPT_DEVICE:
        args->device.select = text;
        return 0;
    case OPT_VARIANT:
        tool_option_variant(tool, text, &args->variants);
        return 0;
    case OPT_CAPS_MASK:
        args->device.caps_mask |= tool_option_caps(tool, text);
        return 0;
    case OPT_REPEAT:
        args->repeat = tool_option_number(tool, "--repeat", text, 1, 1000);
        return 0;
    case OPT_FORMAT:
        args->json = parse_format(tool, text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct parse *parse = state->input;
    struct tool *tool = parse->tool;
    struct bench_args *args = parse->args;
    switch (key) {
    case OPT_SHAPE:
        args->shape = text;
        return 0;
    case OPT_MODEL:
        args->model = text;
        return 0;
    case OPT_LENGTHS:
        tool_option_lengths(tool, text, &args->lengths, &args->n_lengths);
        return 0;
    case OPT_ORIGINAL:
        args->original_max_len =
            tool_option_number(tool, "--original-max-len", text, 1, UINT32_MAX);
        return 0;
    case OPT_TYPE:
        args->type = parse_type(tool, text);
        args->type_given = true;
        return 0;
    case OPT_KV_TYPE:
        args->kv_type = tool_option_kv_type(tool, text);
        return 0;
    case 'q':
        tool->quiet = true;
        return 0;
    case 'v':
        tool->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        parse_command(tool, text, args);
        return 0;
    default:
        return parse_where(key, text, tool, args);
    }
}

static void check(const struct parse *parse)
{
    const struct tool *tool = parse->tool;
    struct bench_args *args = parse->args;
    if (!args->command_name)
        tool_die(tool, TOOL_USAGE, "forward, matmul, attention or table is missing (see --help)");
    if (args->shape && args->model)
        tool_die(tool, TOOL_USAGE, "--shape and --model are both given");
    if (args->shape && !vkh_shape_find(args->shape))
        tool_die(tool, TOOL_USAGE, "--shape: \"%s\" is unknown (see --help)", args->shape);
    const bool reads_weights = args->command == BENCH_FORWARD || args->command == BENCH_TABLE;
    if (args->model && reads_weights && args->type_given)
        tool_die(tool, TOOL_USAGE, "--type is for random weights, --model has its own");
}

void bench_args_parse(struct tool *tool, int argc, char **argv, struct bench_args *args)
{
    static const struct argp parser = {
        options, parse_option, "forward|matmul|attention|table", doc, NULL, NULL, NULL};
    *args = (struct bench_args){.type = VKH_F16, .repeat = 5, .original_max_len = 8192};
    struct parse parse = {.tool = tool, .args = args};
    tool_parse(tool, NULL, &parser, argc, argv, &parse);
    check(&parse);
    for (uint32_t i = 0; i < args->n_lengths; i++)
        if (args->lengths[i] > MOST_TOKENS)
            tool_die(tool, TOOL_USAGE, "--lengths: %u tokens; at most %d", args->lengths[i],
                     MOST_TOKENS);
    if (!args->shape && !args->model)
        args->shape = vkh_shape_at(0)->name;
    if (!args->lengths)
        tool_option_lengths(tool, commands[args->command].lengths, &args->lengths,
                            &args->n_lengths);
    args->device.variants = args->variants;
}

void bench_args_fini(struct bench_args *args)
{
    free(args->lengths);
    free(args->variants);
    *args = (struct bench_args){0};
}
