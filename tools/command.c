// SPDX-License-Identifier: MIT
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_argument(FILE *stream, const char *argument)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";
    if (*argument && argument[strspn(argument, plain)] == '\0') {
        fputs(argument, stream);
        return;
    }
    fputc('\'', stream);
    for (; *argument; argument++)
        fputs(*argument == '\'' ? "'\\''" : (const char[]){*argument, '\0'}, stream);
    fputc('\'', stream);
}

char *command_line(const struct tool *tool, int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    for (int i = 0; i < argc; i++) {
        if (i > 0)
            fputc(' ', stream);
        write_argument(stream, argv[i]);
    }
    if (fclose(stream) != 0)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    return text;
}
