// SPDX-License-Identifier: MIT
#include "ppl_args.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPT_METHOD = 'm',
    OPT_QUIET = 'q',
    OPT_VERBOSE = 'v',
    OPT_OUTPUT = 'o',
    OPT_MODEL = 256,
    OPT_TEXT,
    OPT_TOKENS,
    OPT_LENGTHS,
    OPT_ORIGINAL,
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
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What to measure:", 1},
    {"model", OPT_MODEL, "FILE|DIR", 0, "GGUF file, or directory with config.json and safetensors",
     1},
    {"text", OPT_TEXT, "FILE", 0, "UTF-8 text; needs the model's tokenizer; - is standard input",
     1},
    {"tokens", OPT_TOKENS, "FILE", 0, "token ids in decimal instead of a text; taken as they are",
     1},
    {"lengths", OPT_LENGTHS, "N,N,...", 0,
     "lengths in tokens; default: original_max_len and its multiples up to 6 times, as far as the "
     "text goes",
     1},
    {"method", OPT_METHOD, "SPEC", 0,
     "baseline, hybrid:cf=2, linear:factor=4, or several joined by +; may be repeated; default: "
     "baseline, hybrid:cf=1.5 and hybrid:cf=2",
     1},
    {"original-max-len", OPT_ORIGINAL, "N", 0,
     "tokens beyond which hybrid compresses; default: the model's training length", 1},
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
     "table, markdown, csv or json: of the --output files, or of standard output without one", 3},
    {"output", OPT_OUTPUT, "FILE", 0,
     "write the results to FILE, in the format of its ending (.json, .csv, .md, .txt) unless "
     "--format says another, and still print the table unless --quiet; may be repeated",
     3},
    {"plot", OPT_PLOT, "FILE", 0, "draw PPL against length as .svg or .png (needs gnuplot)", 3},
    {"nll", OPT_NLL, "FILE", 0, "write one line a token and method: method, position, id, NLL", 3},
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
    "PPL at length n is exp(mean NLL of tokens 1 to n-1, each given all before "
    "it).\n\n" TOOL_EXIT_HELP;

struct parse {
    struct tool *tool;
    struct ppl_args *args;
    const char *format; // NULL: not given
};

struct named_file {
    const char *option, *path;
};

static void *append(const struct tool *tool, void *list, uint32_t count, size_t size)
{
    void *larger = reallocarray(list, (size_t)count + 1, size);
    if (!larger)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    return larger;
}

static void add_method(const struct tool *tool, const char *spec, struct ppl_args *args)
{
    args->methods = append(tool, args->methods, args->n_methods, sizeof(*args->methods));
    args->methods[args->n_methods++] = spec;
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
        set_once(tool, "--text", text, &args->text);
        return 0;
    case OPT_TOKENS:
        set_once(tool, "--tokens", text, &args->tokens);
        return 0;
    case OPT_LENGTHS:
        tool_option_lengths(tool, text, &args->lengths, &args->n_lengths);
        return 0;
    case OPT_METHOD:
        add_method(tool, text, args);
        return 0;
    case OPT_ORIGINAL:
        args->original_max_len =
            tool_option_number(tool, "--original-max-len", text, 1, UINT32_MAX);
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
    const error_t unknown = parse_input(key, text, tool, args);
    return unknown ? parse_device(key, text, tool, args) : 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum vkh_report_format format_of_ending(const struct tool *tool, const char *path)
{
    static const struct {
        const char *ending;
        enum vkh_report_format format;
    } endings[] = {{".json", VKH_REPORT_JSON},
                   {".csv", VKH_REPORT_CSV},
                   {".md", VKH_REPORT_MARKDOWN},
                   {".txt", VKH_REPORT_TABLE}};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ends_with(path, endings[i].ending))
            return endings[i].format;
    tool_die(tool, TOOL_USAGE,
             "--output: \"%s\" ends in none of .json, .csv, .md and .txt, so --format must say "
             "its format",
             path);
}

static void settle_formats(const struct tool *tool, const char *format, struct ppl_args *args)
{
    enum vkh_report_format chosen = VKH_REPORT_TABLE;
    if (format && !vkh_report_format_from_name(format, &chosen))
        tool_die(tool, TOOL_USAGE, "--format: \"%s\" is none of table, markdown, csv, json",
                 format);
    for (uint32_t i = 0; i < args->n_outputs; i++)
        args->outputs[i].format = format ? chosen : format_of_ending(tool, args->outputs[i].path);
    args->format = args->n_outputs > 0 ? VKH_REPORT_TABLE : chosen;
    if (args->plot && !ends_with(args->plot, ".svg") && !ends_with(args->plot, ".png"))
        tool_die(tool, TOOL_USAGE, "--plot: \"%s\" ends in neither .svg nor .png", args->plot);
}

// A long run must not end at a folder that is not there.
static void check_writable(const struct tool *tool, const struct named_file *output)
{
    const char *path = output->path;
    struct stat info;
    if (strcmp(path, "-") == 0)
        return;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        if (S_ISDIR(info.st_mode) || access(path, W_OK) != 0)
            tool_die(tool, TOOL_FILE, "%s: %s: cannot be written", output->option, path);
        return;
    }
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (!folder)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    if (access(folder, W_OK | X_OK) != 0)
        tool_die(tool, TOOL_FILE, "%s: %s: cannot write in this folder", output->option, path);
    free(folder);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && S_ISREG(of_a.st_mode) &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

// No output replaces an input or another output.
static void check_outputs(const struct tool *tool, const struct ppl_args *args)
{
    const struct named_file inputs[] = {
        {"--model", args->model}, {"--text", args->text}, {"--tokens", args->tokens}};
    struct named_file *files = calloc((size_t)args->n_outputs + 2, sizeof(*files));
    if (!files)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    uint32_t n = 0;
    for (; n < args->n_outputs; n++)
        files[n] = (struct named_file){"--output", args->outputs[n].path};
    if (args->plot)
        files[n++] = (struct named_file){"--plot", args->plot};
    if (args->nll)
        files[n++] = (struct named_file){"--nll", args->nll};
    for (uint32_t i = 0; i < n; i++) {
        check_writable(tool, &files[i]);
        for (uint32_t j = 0; j < i; j++)
            if (is_same_file(files[i].path, files[j].path))
                tool_die(tool, TOOL_USAGE, "%s: %s is also the file of %s", files[i].option,
                         files[i].path, files[j].option);
        for (size_t j = 0; j < sizeof(inputs) / sizeof(inputs[0]); j++)
            if (inputs[j].path && strcmp(files[i].path, "-") != 0 &&
                is_same_file(files[i].path, inputs[j].path))
                tool_die(tool, TOOL_USAGE, "%s: %s is also the file of %s", files[i].option,
                         files[i].path, inputs[j].option);
    }
    free(files);
}

static void check_inputs(const struct tool *tool, const struct ppl_args *args)
{
    if (args->list_devices)
        return;
    if (!args->model)
        tool_die(tool, TOOL_USAGE, "--model is missing (see --help)");
    if (args->text && args->tokens)
        tool_die(tool, TOOL_USAGE, "--text and --tokens are both given");
    if (!args->text && !args->tokens && !(args->memory_plan && args->n_lengths > 0))
        tool_die(tool, TOOL_USAGE, "--text or --tokens is missing (see --help)");
    check_outputs(tool, args);
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
    if (args->n_methods == 0)
        for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
            add_method(tool, defaults[i], args);
    settle_formats(tool, parse.format, args);
    args->device.variants = args->variants;
    check_inputs(tool, args);
}

void ppl_args_fini(struct ppl_args *args)
{
    free(args->lengths);
    free(args->methods);
    free(args->outputs);
    free(args->variants);
    *args = (struct ppl_args){0};
}
