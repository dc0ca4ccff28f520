// SPDX-License-Identifier: MIT
// vkhrope-tokenize: a text as a model's tokenizer sees it.
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>
#include <vkhrope/tokenizer.h>

#include "input.h"
#include "output.h"

enum { OPT_MODEL = 256, OPT_TEXT, OPT_IDS };

static const struct argp_option options[] = {
    {"model", OPT_MODEL, "FILE|DIR", 0, "GGUF file, tokenizer.json, or folder with one", 1},
    {"text", OPT_TEXT, "FILE", 0, "UTF-8 text, - is standard input", 2},
    {"ids", OPT_IDS, NULL, 0, "ids only, as vkhrope-ppl --tokens reads them", 3},
    {"output", 'o', "FILE", 0, "instead of standard output", 4},
    {"quiet", 'q', NULL, 0, "errors only on standard error", 5},
    {0},
};

static const char doc[] =
    "Token ids of a text, by the tokenizer in a model's files.\v"
    "Example:\n"
    "  vkhrope-tokenize --model model.gguf --text book.txt --ids -o book.ids\n\n" TOOL_EXIT_HELP
    "\nMore: man vkhrope-tokenize";

struct args {
    struct tool *tool;
    const char *model, *text, *output;
    bool ids_only;
};

static void check_output(const struct args *args, const char *option, const char *input)
{
    if (tool_is_same_file(args->output, input))
        tool_die(args->tool, TOOL_USAGE, "--output: %s is also the file of %s", args->output,
                 option);
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct args *args = state->input;
    switch (key) {
    case OPT_MODEL:
        tool_option_name(args->tool, "--model", text, &args->model);
        return 0;
    case OPT_TEXT:
        tool_option_name(args->tool, "--text", text, &args->text);
        return 0;
    case 'o':
        tool_option_name(args->tool, "--output", text, &args->output);
        return 0;
    case OPT_IDS:
        args->ids_only = true;
        return 0;
    case 'q':
        args->tool->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        tool_die(args->tool, TOOL_USAGE, "\"%s\": every argument belongs to an option (see --help)",
                 text);
    case ARGP_KEY_END:
        if (!args->model || !args->text)
            tool_die(args->tool, TOOL_USAGE, "%s is missing (see --help)",
                     args->model ? "--text" : "--model");
        if (args->output && strcmp(args->output, "-") != 0) {
            check_output(args, "--model", args->model);
            check_output(args, "--text", args->text);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// A token's bytes in quotes. What does not print, and bytes that are no whole character, as
// escapes.
static void print_token(const char *bytes, uint64_t n, FILE *out)
{
    fputc('"', out);
    for (uint64_t at = 0; at < n;) {
        ucs4_t code;
        const int length = u8_mbtoucr(&code, (const uint8_t *)bytes + at, n - at);
        if (length < 0)
            fprintf(out, "\\x%02x", (uint8_t)bytes[at]);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (char)code);
        else if (code == '\n' || code == '\r' || code == '\t')
            fprintf(out, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
        else if (!uc_is_print(code) || uc_is_general_category(code, UC_FORMAT))
            fprintf(out, "\\u{%x}", (unsigned)code);
        else
            fwrite(bytes + at, 1, (size_t)length, out);
        at += length < 0 ? 1 : (uint64_t)length;
    }
    fputs("\"\n", out);
}

static void print_listing(const struct vkh_tokenizer *tokenizer, const int32_t *ids, uint64_t n_ids,
                          FILE *out)
{
    for (uint64_t i = 0; i < n_ids; i++) {
        uint64_t n;
        const char *bytes = vkh_tokenizer_bytes(tokenizer, ids[i], &n);
        fprintf(out, "%8" PRIu64 " %7" PRId32 " ", i, ids[i]);
        print_token(bytes, n, out);
    }
}

static void print_ids(const int32_t *ids, uint64_t n_ids, FILE *out)
{
    for (uint64_t i = 0; i < n_ids; i++)
        fprintf(out, "%" PRId32 "%c", ids[i], i % 16 == 15 || i + 1 == n_ids ? '\n' : ' ');
}

static enum vkh_status write_ids(const struct args *args, const struct vkh_tokenizer *tokenizer,
                                 const int32_t *ids, uint64_t n_ids)
{
    struct output out;
    const enum vkh_status status = output_open(args->tool, args->output ? args->output : "-", &out);
    if (status != VKH_OK)
        return status;
    if (args->ids_only)
        print_ids(ids, n_ids, out.stream);
    else
        print_listing(tokenizer, ids, n_ids, out.stream);
    return output_commit(args->tool, &out);
}

static enum vkh_status tokenize(const struct args *args)
{
    struct tool *tool = args->tool;
    const struct vkh_log log = tool_log(tool);
    struct vkh_tokenizer *tokenizer = NULL;
    char *text = NULL;
    int32_t *ids = NULL;
    uint64_t bytes, n_ids;
    enum vkh_status status = vkh_tokenizer_open(args->model, &log, &tokenizer);
    if (status == VKH_OK)
        status = input_read(tool, args->text, &text, &bytes);
    if (status == VKH_OK) {
        tool->context = strcmp(args->text, "-") == 0 ? "standard input" : args->text;
        status = vkh_tokenizer_encode(tokenizer, text, bytes, &ids, &n_ids);
        tool->context = NULL;
    }
    if (status == VKH_OK)
        status = write_ids(args, tokenizer, ids, n_ids);
    vkh_ids_free(&ids);
    free(text);
    vkh_tokenizer_close(&tokenizer);
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {options, parse_option, NULL, doc, NULL, NULL, NULL};
    struct tool tool = {.name = "vkhrope-tokenize"};
    struct args args = {.tool = &tool};
    tool_parse(&tool, NULL, &parser, argc, argv, &args);
    return tool_finish(&tool, tool_exit_of(tokenize(&args)));
}
