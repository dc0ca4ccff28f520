// SPDX-License-Identifier: MIT
#include "ppl_args.h"
#include "ppl_outputs.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_METHOD = 'm',
    OPT_QUIET = 'q',
    OPT_VERBOSE = 'v',
    OPT_OUTPUT = 'o',
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
    OPT_DEVICE,
    OPT_LIST_DEVICES,
    OPT_VARIANT,
    OPT_CAPS_MASK,
    OPT_CHUNK,
    OPT_KV_TYPE,
    OPT_MEMORY_PLAN,
    OPT_FORMAT,
    OPT_PLOT,
    OPT_NLL,
    OPT_CURVE,
    OPT_REFERENCE,
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What to measure:", 1},
    {"model", OPT_MODEL, "FILE|DIR", 0, "GGUF file, or directory with config.json and safetensors",
     1},
    {"text", OPT_TEXT, "FILE|DIR", 0,
     "UTF-8 text; needs the model's tokenizer; - is standard input. May be repeated or name a "
     "folder: several texts are averaged",
     1},
    {"tokens", OPT_TOKENS, "FILE|DIR", 0,
     "token ids in decimal instead of a text; taken as they are", 1},
    {"lengths", OPT_LENGTHS, "N,N,...", 0,
     "lengths in tokens; default: original_max_len and its multiples up to 6 times, as far as the "
     "text goes; all of the text with --window or --chunked",
     1},
    {"method", OPT_METHOD, "SPEC", 0,
     "hybrid:cf=2, yarn:factor=4, or several joined by + (see --list-methods); may be repeated; "
     "default: baseline, hybrid:cf=1.5 and hybrid:cf=2",
     1},
    {"sweep", OPT_SWEEP, "SPEC", 0,
     "methods with one value over a range, hybrid:cf=1.2..3.0:0.1, and which is best at each "
     "length; may be repeated",
     1},
    {"kl", OPT_KL, "SPEC", 0,
     "compare every method with this one, which joins them: mean and percentiles of the KL "
     "divergence of its distribution of the next token from theirs, and how often both find the "
     "same token most probable",
     1},
    {"kl-model", OPT_KL_MODEL, "FILE|DIR", 0,
     "compute the --kl method (default: baseline) on another model of the same vocabulary, the same "
     "one in higher precision for example",
     1},
    {"list-methods", OPT_LIST_METHODS, NULL, 0, "print what methods there are and stop", 1},
    {"original-max-len", OPT_ORIGINAL, "N", 0,
     "tokens beyond which hybrid compresses; default: the model's training length", 1},
    {"window", OPT_WINDOW, "N", 0,
     "instead of one pass, windows of N tokens that slide by --stride: each token scored once", 1},
    {"stride", OPT_STRIDE, "N", 0, "of --window; default: half of it", 1},
    {"chunked", OPT_CHUNKED, "N", 0,
     "instead of one pass, disjoint windows of N tokens, the second half of each scored, as "
     "llama.cpp's llama-perplexity does",
     1},
    {NULL, 0, NULL, 0, "Where to compute:", 2},
    {"device", OPT_DEVICE, "N|NAME", 0, "Vulkan device by index or part of its name", 2},
    {"list-devices", OPT_LIST_DEVICES, NULL, 0, "print the devices and stop", 2},
    {"variant", OPT_VARIANT, "OP=NAME", 0,
     "kernel variant by hand (vkhrope-info lists them); may be repeated", 2},
    {"caps-mask", OPT_CAPS_MASK, "LIST", 0,
     "device capabilities to leave unused, joined by commas (vkhrope-info lists them)", 2},
    {"chunk", OPT_CHUNK, "N", 0, "tokens at once; changes memory and speed, not the numbers", 2},
    {"kv-type", OPT_KV_TYPE, "TYPE", 0,
     "how keys and values are kept: f32, f16 (half the memory), or auto, f32 where it fits", 2},
    {"memory-plan", OPT_MEMORY_PLAN, NULL, 0,
     "print the device memory that the run would take and whether it fits, and stop; with "
     "--lengths it needs no text",
     2},
    {NULL, 0, NULL, 0, "What to write:", 3},
    {"format", OPT_FORMAT, "NAME", 0,
     "table, markdown, csv, json or html: of the --output files, or of standard output without one", 3},
    {"output", OPT_OUTPUT, "FILE", 0,
     "write the results to FILE, in the format of its ending (.json, .csv, .md, .txt, .html) unless "
     "--format says another, and still print the table unless --quiet; may be repeated",
     3},
    {"plot", OPT_PLOT, "FILE", 0, "draw PPL against length as .svg or .png (needs gnuplot)", 3},
    {"nll", OPT_NLL, "FILE", 0,
     "write one line a token and method: method, position, id, NLL; with --kl its divergence too",
     3},
    {"curve", OPT_CURVE, "FILE", 0,
     "write NLL against position, one line a bucket and method: in equal buckets and in octaves",
     3},
    {"reference", OPT_REFERENCE, "FILE", 0,
     "show a published table beside the measured one in HTML: lines of length,tokens,ppl,method", 3},
    {"quiet", OPT_QUIET, NULL, 0, "no progress, no notes on standard error", 3},
    {"verbose", OPT_VERBOSE, NULL, 0, "tell what the library does, on standard error", 3},
    {NULL, 0, NULL, 0, "Other:", -1},
    {0},
};

static const char doc[] =
    "Perplexity of a language model at lengths beyond the one it was trained on, with its rotary "
    "positions compressed, in one pass on a Vulkan device.\v"
    "Example:\n"
    "  vkhrope-ppl --model model.gguf --text book.txt --lengths 8192,16384 \\\n"
    "      -m baseline -m hybrid:cf=1.5 -o results.json --plot ppl.svg\n\n"
    "PPL at length n is exp(mean NLL of tokens 1 to n-1, each given all before it), unless "
    "--window or --chunked says otherwise. KL(P||Q) = sum P ln(P/Q) in nats over the same tokens: P "
    "is the --kl method's distribution, of --kl-model where it is given, Q each method's.\n\n"
    TOOL_EXIT_HELP;

struct parse {
    struct tool *tool;
    struct ppl_args *args;
    const char *format; // NULL: not given
};

static void *append(const struct tool *tool, void *list, uint32_t count, size_t size)
{
    void *larger = reallocarray(list, (size_t)count + 1, size);
    if (!larger)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    return larger;
}

static void add_string(const struct tool *tool, const char *text, struct ppl_strings *strings)
{
    strings->items = append(tool, strings->items, strings->n, sizeof(*strings->items));
    strings->items[strings->n++] = text;
}

static void add_source(const struct tool *tool, const char *option, const char *path,
                       struct ppl_strings *sources)
{
    if (*path == '\0')
        tool_die(tool, TOOL_USAGE, "%s: the name is empty", option);
    add_string(tool, path, sources);
}

static void set_regime(const struct tool *tool, const char *option, enum vkh_ppl_regime_kind kind,
                       const char *text, struct ppl_args *args)
{
    if (args->regime.kind != VKH_REGIME_PREFIX)
        tool_die(tool, TOOL_USAGE, "%s: --window or --chunked, once", option);
    args->regime.kind = kind;
    args->regime.window = tool_option_number(tool, option, text, 4, 1 << 24);
}

static void add_output(const struct tool *tool, const char *path, struct ppl_args *args)
{
    args->outputs = append(tool, args->outputs, args->n_outputs, sizeof(*args->outputs));
    args->outputs[args->n_outputs++] = (struct ppl_output){.path = path};
}

static void set_once(const struct tool *tool, const char *option, const char *text,
                     const char **value)
{
    if (*value)
        tool_die(tool, TOOL_USAGE, "%s is given twice", option);
    if (*text == '\0')
        tool_die(tool, TOOL_USAGE, "%s: the name is empty", option);
    *value = text;
}

static error_t parse_input(int key, const char *text, const struct tool *tool,
                           struct ppl_args *args)
{
    switch (key) {
    case OPT_MODEL:
        set_once(tool, "--model", text, &args->model);
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
        add_string(tool, text, &args->methods);
        return 0;
    case OPT_SWEEP:
        add_string(tool, text, &args->sweeps);
        return 0;
    case OPT_KL:
        set_once(tool, "--kl", text, &args->kl);
        return 0;
    case OPT_KL_MODEL:
        set_once(tool, "--kl-model", text, &args->kl_model);
        return 0;
    case OPT_LIST_METHODS:
        args->list_methods = true;
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

static error_t parse_device(int key, const char *text, const struct tool *tool,
                            struct ppl_args *args)
{
    switch (key) {
    case OPT_DEVICE:
        set_once(tool, "--device", text, &args->device.select);
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
    case OPT_MEMORY_PLAN:
        args->memory_plan = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct parse *parse = state->input;
    struct tool *tool = parse->tool;
    struct ppl_args *args = parse->args;
    switch (key) {
    case OPT_FORMAT:
        parse->format = text;
        return 0;
    case OPT_OUTPUT:
        add_output(tool, text, args);
        return 0;
    case OPT_PLOT:
        set_once(tool, "--plot", text, &args->plot);
        return 0;
    case OPT_NLL:
        set_once(tool, "--nll", text, &args->nll);
        return 0;
    case OPT_REFERENCE:
        set_once(tool, "--reference", text, &args->reference);
        return 0;
    case OPT_CURVE:
        set_once(tool, "--curve", text, &args->curve);
        return 0;
    case OPT_QUIET:
        tool->quiet = true;
        return 0;
    case OPT_VERBOSE:
        tool->verbose = true;
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
    if (!args->model)
        tool_die(tool, TOOL_USAGE, "--model is missing (see --help)");
    if (args->texts.n && args->tokens.n)
        tool_die(tool, TOOL_USAGE, "--text and --tokens are both given");
    if (!args->texts.n && !args->tokens.n && !(args->memory_plan && args->n_lengths > 0))
        tool_die(tool, TOOL_USAGE, "--text or --tokens is missing (see --help)");
    ppl_outputs_check(tool, args);
}

void ppl_args_parse(struct tool *tool, int argc, char **argv, struct ppl_args *args)
{
    static const struct argp parser = {options, parse_option, NULL, doc, NULL, NULL, NULL};
    static const char *const defaults[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};
    static char program[] = "vkhrope-ppl";
    *args = (struct ppl_args){0};
    struct parse parse = {.tool = tool, .args = args};
    argp_program_version = "vkhrope-ppl " VKH_VERSION;
    argp_err_exit_status = TOOL_USAGE;
    argv[0] = program; // what argp's own messages begin with
    if (argp_parse(&parser, argc, argv, 0, NULL, &parse) != 0)
        tool_die(tool, TOOL_USAGE, "cannot read the command line");
    // A sweep needs nothing but something to compare with.
    const size_t n_defaults = args->sweeps.n ? 1 : sizeof(defaults) / sizeof(defaults[0]);
    for (size_t i = 0; args->methods.n < n_defaults && i == args->methods.n; i++)
        add_string(tool, defaults[i], &args->methods);
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
    free(args->methods.items);
    free(args->sweeps.items);
    free(args->outputs);
    free(args->variants);
    *args = (struct ppl_args){0};
}
