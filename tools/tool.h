// SPDX-License-Identifier: MIT
// What the command-line tools share: messages, exit codes, strict numbers, input files, devices.
#ifndef VKHROPE_TOOLS_TOOL_H
#define VKHROPE_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vkhrope/device.h>
#include <vkhrope/perplexity.h>
#include <vkhrope/status.h>

enum tool_exit {
    TOOL_OK = 0,
    TOOL_USAGE = 1,  // an option is wrong, or asks for what cannot be
    TOOL_FILE = 2,   // a file is missing, malformed, of an unknown kind, or cannot be written
    TOOL_DEVICE = 3, // no usable Vulkan device, or it failed
    TOOL_MEMORY = 4, // out of memory, of the host or of the device
    TOOL_INTERNAL = 5,
    TOOL_INTERRUPTED = 130,
};

// The same as a line for the end of --help, which is to fit a screen: an option has a line there,
// and whatever else is to be known stands in the tool's manual page (tools/*.h2m).
#define TOOL_EXIT_HELP                                                                             \
    "Exit codes: 0 done, 1 usage, 2 file, 3 device, 4 memory, 5 bug, 130 stopped."

// For tables of options, in which argp sorts by group: a line that heads those that follow. The
// first has only the text; the others begin with an empty line, "\nTEXT".
#define TOOL_HEADING(text, group)                                                                  \
    {                                                                                              \
        text, 0, NULL, OPTION_DOC | OPTION_NO_USAGE, NULL, group                                   \
    }

enum tool_exit tool_exit_of(enum vkh_status status);

// One process is one tool. `name` starts every message; messages go to stderr, one line each,
// without control characters.
struct tool {
    const char *name;
    bool quiet;                 // errors only
    bool verbose;               // what the library tells about its work
    const char *context;        // starts the library's messages: the file at work; may be NULL
    void (*before)(void *user); // called before a message is printed: clears a progress line
    void *user;
};

// The library's messages through the tool; `tool` must outlive what the log is given to.
struct vkh_log tool_log(struct tool *tool);

void tool_message(const struct tool *tool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// Prints a message and ends the process with `code`. For the time before anything is open.
_Noreturn void tool_die(const struct tool *tool, enum tool_exit code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Parses the command line of the tool, or of its command, which may be NULL; argv[0] is replaced by
// their names. Ends the process with a message when it cannot be read, and after --help.
struct argp;
void tool_parse(const struct tool *tool, const char *command, const struct argp *parser, int argc,
                char **argv, void *input);

// A text out of a file on stdout, without control characters.
void tool_print(const char *text);

// Ends main: what was printed must have gone out, else the code is TOOL_FILE.
int tool_finish(const struct tool *tool, enum tool_exit code);

// Whether two names are alike, or are of one regular file.
bool tool_is_same_file(const char *a, const char *b);

// The bytes of `text` up to `end` as a decimal number without sign, space or anything else; false
// when they are not one, or it is beyond `most`.
bool tool_parse_number(const char *text, const char *end, uint64_t most, uint64_t *number);

// An option's argument as a name; ends the process with TOOL_USAGE when it is empty, or not the
// first.
void tool_option_name(const struct tool *tool, const char *option, const char *text,
                      const char **name);

// An option's argument as a number in [least, most]; ends the process with TOOL_USAGE when not.
uint32_t tool_option_number(const struct tool *tool, const char *option, const char *text,
                            uint32_t least, uint32_t most);

// --lengths: appends "N,N,..." to the list, which is reallocated; each is 2 or more.
void tool_option_lengths(const struct tool *tool, const char *text, uint32_t **lengths,
                         uint32_t *n_lengths);

// A size in bytes, 1 or more: a number alone, or with KiB, MiB, GiB or TiB behind it; ends the
// process with TOOL_USAGE when it is none.
uint64_t tool_option_bytes(const struct tool *tool, const char *option, const char *text);

// --kv-type: auto, f32, f16 or q8_0.
enum vkh_kv_type tool_option_kv_type(const struct tool *tool, const char *text);

// --caps-mask: names joined by commas; ends the process when one is unknown.
uint32_t tool_option_caps(const struct tool *tool, const char *text);

// --variant, repeated: appends "op=name" to the list *variants, which is reallocated.
void tool_option_variant(const struct tool *tool, const char *text, char **variants);

// Creates the device, with the user's cache folder ($XDG_CACHE_HOME/vkhrope or ~/.cache/vkhrope)
// and the switches of tests that the environment holds (VKHROPE_TEST_MINIMUM_LIMITS,
// VKHROPE_TEST_VALIDATION), and checks that every variant chosen by hand exists (VKH_ERR_ARGUMENT).
enum vkh_status tool_open_device(struct tool *tool, struct vkh_device_options options,
                                 struct vkh_device **device);

// One line a device on stdout, for --list-devices.
enum vkh_status tool_list_devices(struct tool *tool);

// "11.0 MiB" into `text`, which it returns.
struct tool_bytes {
    char text[32];
};
struct tool_bytes tool_bytes(uint64_t bytes);

#endif
