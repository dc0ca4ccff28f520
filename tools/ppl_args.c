// SPDX-License-Identifier: MIT
#include "ppl_args.h"
#include "ppl_outputs.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_METHOD = 'm',
    OPT_MODEL = 256,
    OPT_TEXT,
    OPT_TOKENS,
    OPT_LENGTHS,
    OPT_SWEEP,
    OPT_KL,
    OPT_KL_MODEL,
    OPT_LIST_METHODS,
    OPT_ORIGINAL,
    OPT_WINDOW,
    OPT_STRIDE,
    OPT_CHUNKED,
    OPT_SHARD,
    OPT_DEVICE,
    OPT_DEVICES,
    OPT_LIST_DEVICES,
    OPT_VARIANT,
    OPT_CAPS_MASK,
    OPT_CHUNK,
    OPT_KV_TYPE,
    OPT_MEMORY,
    OPT_MEMORY_PLAN,
    OPT_RESUME,
    OPT_NLL,
};

static const struct argp_option options[] = {
    TOOL_HEADING("What to measure:", 1),
    {"model", OPT_MODEL, "FILE|DIR", 0, "GGUF file, or folder with safetensors", 2},
    {"text", OPT_TEXT, "FILE|DIR", 0, "UTF-8 text, - is standard input; repeatable", 3},
    {"tokens", OPT_TOKENS, "FILE|DIR", 0, "token ids in decimal instead of a text", 4},
    {"lengths", OPT_LENGTHS, "N,N,...", 0, "tokens (default: original-max-len times 1 to 6)", 5},
    {"method", OPT_METHOD, "SPEC", 0, "such as hybrid:cf=2 or yarn:factor=4; repeatable", 6},
    {"sweep", OPT_SWEEP, "SPEC", 0, "methods over a range: hybrid:cf=1.2..3.0:0.1", 7},
    {"list-methods", OPT_LIST_METHODS, NULL, 0, "print what methods there are and stop", 8},
    {"original-max-len", OPT_ORIGINAL, "N", 0, "training length (default: the model's own)", 9},
    {"window", OPT_WINDOW, "N", 0, "instead of one pass, windows of N that slide", 10},
    {"stride", OPT_STRIDE, "N", 0, "by how many tokens they slide (default: half)", 11},
    {"chunked", OPT_CHUNKED, "N", 0, "instead of one pass, as llama-perplexity does", 12},
    {"kl", OPT_KL, "SPEC", 0, "KL divergence of every method from this one", 13},
    {"kl-model", OPT_KL_MODEL, "FILE|DIR", 0, "that one computed on another model", 14},
    TOOL_HEADING("\nHow to compute:", 20),
    {"device", OPT_DEVICE, "N|NAME", 0, "Vulkan device by index or part of its name", 21},
    {"devices", OPT_DEVICES, "N|NAME,...", 0, "several, each with its part of the work", 22},
    {"list-devices", OPT_LIST_DEVICES, NULL, 0, "print the devices and stop", 23},
    {"memory", OPT_MEMORY, "SIZE", 0, "device memory to stay within, such as 6GiB", 24},
    {"memory-plan", OPT_MEMORY_PLAN, NULL, 0, "print what the run would take and stop", 25},
    {"kv-type", OPT_KV_TYPE, "TYPE", 0, "keys and values as f32, f16, q8_0 or auto", 26},
    {"chunk", OPT_CHUNK, "N", 0, "tokens at once; memory and speed, not numbers", 27},
    {"variant", OPT_VARIANT, "OP=NAME", 0, "kernel by hand (see vkhrope-info); repeatable", 28},
    {"caps-mask", OPT_CAPS_MASK, "LIST", 0, "device capabilities to leave unused", 29},
    {"shard", OPT_SHARD, "I/N", 0, "the I-th of N parts, to be joined by merge", 30},
    {"resume", OPT_RESUME, "FILE", 0, "keep what is finished, go on from there", 31},
    TOOL_HEADING("\nWhat to write:", PPL_OUTPUTS_GROUP),
    {"nll", OPT_NLL, "FILE", 0, "NLL of every token, a line each", PPL_OUTPUTS_GROUP + 4},
    {0},
};

static const char doc[] =
    "Perplexity of a language model beyond its trained length, on a Vulkan device.\v"
    "Example:\n"
    "  vkhrope-ppl --model m.gguf --text book.txt --lengths 8192,16384 -o "
    "ppl.html\n\n" TOOL_EXIT_HELP
    "\nMore: man vkhrope-ppl. Joining reports: vkhrope-ppl merge --help.";

static void add_source(const struct tool *tool, const char *option, const char *path,
                       struct ppl_strings *sources)
{
    if (*path == '\0')
        tool_die(tool, TOOL_USAGE, "%s: the name is empty", option);
    ppl_add_string(tool, path, sources);
}

static void set_regime(const struct tool *tool, const char *option, enum vkh_ppl_regime_kind kind,
                       const char *text, struct ppl_args *args)
{
    if (args->regime.kind != VKH_REGIME_PREFIX)
        tool_die(tool, TOOL_USAGE, "%s: --window or --chunked, once", option);
    args->regime.kind = kind;
    args->regime.window =
        tool_option_number(tool, option, text, kind == VKH_REGIME_CHUNKED ? 4 : 2, 1 << 24);
}

static void set_shard(const struct tool *tool, const char *text, struct ppl_args *args)
{
    const char *slash = strchr(text, '/');
    uint64_t index = 0, count = 0;
    if (args->shard.count)
        tool_die(tool, TOOL_USAGE, "--shard is given twice");
    if (!slash || !tool_parse_number(text, slash, UINT32_MAX, &index) ||
        !tool_parse_number(slash + 1, slash + strlen(slash), UINT32_MAX, &count) || index < 1 ||
        index > count)
        tool_die(tool, TOOL_USAGE, "--shard: \"%s\" is not I/N with I from 1 to N", text);
    args->shard = (struct vkh_ppl_share){(uint32_t)index, (uint32_t)count};
}

static void add_devices(const struct tool *tool, char *text, struct ppl_args *args)
{
    if (args->devices.n)
        tool_die(tool, TOOL_USAGE, "--devices is given twice");
    for (char *rest = text; rest;) {
        const char *name = strsep(&rest, ",");
        if (*name == '\0')
            tool_die(tool, TOOL_USAGE, "--devices: a name is empty");
        ppl_add_string(tool, name, &args->devices);
    }
}

static error_t parse_input(int key, const char *text, const struct tool *tool,
                           struct ppl_args *args)
{
    switch (key) {
    case OPT_MODEL:
        tool_option_name(tool, "--model", text, &args->model);
        return 0;
    case OPT_TEXT:
        add_source(tool, "--text", text, &args->texts);
        return 0;
    case OPT_TOKENS:
        add_source(tool, "--tokens", text, &args->tokens);
        return 0;
    case OPT_LENGTHS:
        tool_option_lengths(tool, text, &args->lengths, &args->n_lengths);
        return 0;
    case OPT_METHOD:
        ppl_add_string(tool, text, &args->methods);
        return 0;
    case OPT_SWEEP:
        ppl_add_string(tool, text, &args->sweeps);
        return 0;
    case OPT_KL:
        tool_option_name(tool, "--kl", text, &args->kl);
        return 0;
    case OPT_KL_MODEL:
        tool_option_name(tool, "--kl-model", text, &args->kl_model);
        return 0;
    case OPT_LIST_METHODS:
        args->list_methods = true;
        return 0;
    case OPT_SHARD:
        set_shard(tool, text, args);
        return 0;
    case OPT_ORIGINAL:
        args->original_max_len =
            tool_option_number(tool, "--original-max-len", text, 1, UINT32_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_regime(int key, const char *text, const struct tool *tool,
                            struct ppl_args *args)
{
    switch (key) {
    case OPT_WINDOW:
        set_regime(tool, "--window", VKH_REGIME_WINDOW, text, args);
        return 0;
    case OPT_CHUNKED:
        set_regime(tool, "--chunked", VKH_REGIME_CHUNKED, text, args);
        return 0;
    case OPT_STRIDE:
        args->regime.stride = tool_option_number(tool, "--stride", text, 1, 1 << 24);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_device(int key, char *text, const struct tool *tool, struct ppl_args *args)
{
    switch (key) {
    case OPT_DEVICE:
        tool_option_name(tool, "--device", text, &args->device.select);
        return 0;
    case OPT_DEVICES:
        add_devices(tool, text, args);
        return 0;
    case OPT_LIST_DEVICES:
        args->list_devices = true;
        return 0;
    case OPT_VARIANT:
        tool_option_variant(tool, text, &args->variants);
        return 0;
    case OPT_CAPS_MASK:
        args->device.caps_mask |= tool_option_caps(tool, text);
        return 0;
    case OPT_CHUNK:
        args->chunk = tool_option_number(tool, "--chunk", text, 1, UINT32_MAX);
        return 0;
    case OPT_KV_TYPE:
        args->kv_type = tool_option_kv_type(tool, text);
        return 0;
    case OPT_MEMORY:
        args->memory = tool_option_bytes(tool, "--memory", text);
        return 0;
    case OPT_MEMORY_PLAN:
        args->memory_plan = true;
        return 0;
    case OPT_RESUME:
        tool_option_name(tool, "--resume", text, &args->resume);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct ppl_parse *parse = state->input;
    struct tool *tool = parse->tool;
    struct ppl_args *args = parse->args;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = parse;
        return 0;
    case OPT_NLL:
        tool_option_name(tool, "--nll", text, &args->nll);
        return 0;
    case ARGP_KEY_ARG:
        tool_die(tool, TOOL_USAGE, "\"%s\": every argument belongs to an option (see --help)",
                 text);
    }
    if (parse_input(key, text, tool, args) == 0 || parse_regime(key, text, tool, args) == 0)
        return 0;
    return parse_device(key, text, tool, args);
}

static void settle_regime(const struct tool *tool, struct vkh_ppl_regime *regime)
{
    if (regime->kind != VKH_REGIME_WINDOW && regime->stride)
        tool_die(tool, TOOL_USAGE, "--stride: it belongs to --window, which is missing");
    if (regime->kind == VKH_REGIME_WINDOW && !regime->stride)
        regime->stride = regime->window / 2;
    if (regime->kind == VKH_REGIME_WINDOW && regime->stride >= regime->window)
        tool_die(tool, TOOL_USAGE, "--stride: %u is not less than the window's %u", regime->stride,
                 regime->window);
}

static void check_inputs(const struct tool *tool, const struct ppl_args *args)
{
    if (args->list_devices || args->list_methods)
        return;
    if (args->devices.n && args->device.select)
        tool_die(tool, TOOL_USAGE, "--device and --devices are both given");
    if (!args->model)
        tool_die(tool, TOOL_USAGE, "--model is missing (see --help)");
    if (args->texts.n && args->tokens.n)
        tool_die(tool, TOOL_USAGE, "--text and --tokens are both given");
    if (!args->texts.n && !args->tokens.n && !(args->memory_plan && args->n_lengths > 0))
        tool_die(tool, TOOL_USAGE, "--text or --tokens is missing (see --help)");
    if (args->resume && args->devices.n > 1)
        tool_die(tool, TOOL_USAGE,
                 "--resume: a checkpoint is of one device's run: leave out --resume, or --devices");
    ppl_outputs_check(tool, args);
}

void ppl_args_parse(struct tool *tool, int argc, char **argv, struct ppl_args *args)
{
    static const struct argp_child children[] = {{&ppl_outputs_parser, 0, NULL, 0}, {0}};
    static const struct argp parser = {options, parse_option, NULL, doc, children, NULL, NULL};
    static const char *const defaults[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};
    *args = (struct ppl_args){0};
    struct ppl_parse parse = {.tool = tool, .args = args};
    tool_parse(tool, NULL, &parser, argc, argv, &parse);
    // A sweep needs nothing but something to compare with.
    const size_t n_defaults = args->sweeps.n ? 1 : sizeof(defaults) / sizeof(defaults[0]);
    for (size_t i = 0; args->methods.n < n_defaults && i == args->methods.n; i++)
        ppl_add_string(tool, defaults[i], &args->methods);
    if (args->kl_model && !args->kl)
        args->kl = defaults[0];
    settle_regime(tool, &args->regime);
    ppl_outputs_settle(tool, parse.format, args);
    args->device.variants = args->variants;
    check_inputs(tool, args);
}

void ppl_args_fini(struct ppl_args *args)
{
    free(args->lengths);
    free(args->texts.items);
    free(args->tokens.items);
    free(args->devices.items);
    free(args->reports.items);
    free(args->methods.items);
    free(args->sweeps.items);
    free(args->outputs);
    free(args->variants);
    *args = (struct ppl_args){0};
}
