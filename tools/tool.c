// SPDX-License-Identifier: MIT
#include "tool.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Headings begin the line; no note on short options after the list.
static const char help_format[] = "doc-opt-col=0,no-dup-args-note";

enum tool_exit tool_exit_of(enum vkh_status status)
{
    switch (status) {
    case VKH_OK:
        return TOOL_OK;
    case VKH_ERR_ARGUMENT:
        return TOOL_USAGE;
    case VKH_ERR_IO:
    case VKH_ERR_FORMAT:
    case VKH_ERR_UNSUPPORTED:
        return TOOL_FILE;
    case VKH_ERR_DEVICE:
    case VKH_ERR_DEVICE_LOST:
        return TOOL_DEVICE;
    case VKH_ERR_MEMORY:
    case VKH_ERR_DEVICE_MEMORY:
        return TOOL_MEMORY;
    case VKH_ERR_CANCELLED:
        return TOOL_INTERRUPTED;
    case VKH_ERR_INTERNAL:
        break;
    }
    return TOOL_INTERNAL;
}

// What comes from files must not steer the terminal or break a line.
static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

void tool_print(const char *text)
{
    for (; *text; text++)
        putchar(is_control(*text) ? '?' : *text);
}

static void print_line(const struct tool *tool, char *line)
{
    for (char *c = line; *c; c++)
        *c = is_control(*c) ? '?' : *c;
    flockfile(stderr); // a run on several devices has a thread for each
    if (tool->before)
        tool->before(tool->user);
    fprintf(stderr, "%s: %s\n", tool->name, line);
    funlockfile(stderr);
}

static void print_formatted(const struct tool *tool, const char *fmt, va_list args)
{
    char line[2048];
    vsnprintf(line, sizeof(line), fmt, args);
    print_line(tool, line);
}

void tool_message(const struct tool *tool, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_formatted(tool, fmt, args);
    va_end(args);
}

void tool_die(const struct tool *tool, enum tool_exit code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_formatted(tool, fmt, args);
    va_end(args);
    exit(code);
}

void tool_parse(const struct tool *tool, const char *command, const struct argp *parser, int argc,
                char **argv, void *input)
{
    static char program[64], version[64];
    snprintf(program, sizeof(program), "%s%s%s", tool->name, command ? " " : "",
             command ? command : "");
    snprintf(version, sizeof(version), "%s %s", tool->name, VKH_VERSION);
    argp_program_version = version;
    argp_err_exit_status = TOOL_USAGE;
    argv[0] = program; // what argp's own messages begin with
    if (setenv("ARGP_HELP_FMT", help_format, false) != 0 ||
        argp_parse(parser, argc, argv, 0, NULL, input) != 0)
        tool_die(tool, TOOL_USAGE, "cannot read the command line");
}

static void print_log(void *user, enum vkh_log_level level, const char *line)
{
    const struct tool *tool = user;
    const char *kind = level == VKH_LOG_WARNING ? "warning: " : "";
    if (tool->context)
        tool_message(tool, "%s%s: %s", kind, tool->context, line);
    else
        tool_message(tool, "%s%s", kind, line);
}

struct vkh_log tool_log(struct tool *tool)
{
    return (struct vkh_log){print_log, tool,
                            tool->quiet     ? VKH_LOG_ERROR
                            : tool->verbose ? VKH_LOG_DEBUG
                                            : VKH_LOG_WARNING};
}

int tool_finish(const struct tool *tool, enum tool_exit code)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == TOOL_OK) {
        tool_message(tool, "standard output: cannot write: %s", strerror(errno));
        code = TOOL_FILE;
    }
    return (int)code;
}

bool tool_is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && S_ISREG(of_a.st_mode) &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

bool tool_parse_number(const char *text, const char *end, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    if (text == end)
        return false;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        const uint64_t digit = (uint64_t)(*text - '0');
        if (digit > most || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

void tool_option_name(const struct tool *tool, const char *option, const char *text,
                      const char **name)
{
    if (*name)
        tool_die(tool, TOOL_USAGE, "%s is given twice", option);
    if (*text == '\0')
        tool_die(tool, TOOL_USAGE, "%s: the name is empty", option);
    *name = text;
}

uint32_t tool_option_number(const struct tool *tool, const char *option, const char *text,
                            uint32_t least, uint32_t most)
{
    uint64_t number;
    if (!tool_parse_number(text, text + strlen(text), most, &number) || number < least)
        tool_die(tool, TOOL_USAGE, "%s: \"%s\" is not a number from %u to %u", option, text, least,
                 most);
    return (uint32_t)number;
}

uint64_t tool_option_bytes(const struct tool *tool, const char *option, const char *text)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    const size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t number;
        if (strcmp(text + digits, units[i]) == 0 &&
            tool_parse_number(text, text + digits, UINT64_MAX >> 10 * i, &number) && number > 0)
            return number << 10 * i;
    }
    tool_die(tool, TOOL_USAGE,
             "%s: \"%s\" is not a size: a number of bytes, KiB, MiB, GiB or TiB, as 6GiB", option,
             text);
}

void tool_option_lengths(const struct tool *tool, const char *text, uint32_t **lengths,
                         uint32_t *n_lengths)
{
    for (;;) {
        const size_t size = strcspn(text, ",");
        uint64_t length;
        if (!tool_parse_number(text, text + size, UINT32_MAX, &length) || length < 2)
            tool_die(tool, TOOL_USAGE, "--lengths: \"%.*s\" is not a number from 2 to %u",
                     (int)size, text, UINT32_MAX);
        uint32_t *longer = reallocarray(*lengths, (size_t)*n_lengths + 1, sizeof(*longer));
        if (!longer)
            tool_die(tool, TOOL_MEMORY, "out of memory");
        longer[(*n_lengths)++] = (uint32_t)length;
        *lengths = longer;
        if (text[size] == '\0')
            return;
        text += size + 1;
    }
}

enum vkh_kv_type tool_option_kv_type(const struct tool *tool, const char *text)
{
    static const char *const names[] = {
        [VKH_KV_AUTO] = "auto", [VKH_KV_F32] = "f32", [VKH_KV_F16] = "f16", [VKH_KV_Q8_0] = "q8_0"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0)
            return (enum vkh_kv_type)i;
    tool_die(tool, TOOL_USAGE, "--kv-type: \"%s\" is none of auto, f32, f16, q8_0", text);
}

struct tool_bytes tool_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024; unit++)
        value /= 1024;
    struct tool_bytes out;
    const int decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    snprintf(out.text, sizeof(out.text), "%.*f %s", decimals, value, units[unit]);
    return out;
}
