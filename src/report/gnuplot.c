// SPDX-License-Identifier: MIT
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

extern char **environ;

// Between single quotes gnuplot substitutes nothing, and only the quote itself ends the literal;
// its doubling is not read alike everywhere, so quotes become the typographic one.
void vkh_gnuplot_literal(FILE *script, const char *text)
{
    fputc('\'', script);
    for (; *text; text++) {
        if (*text == '\'' || *text == '`')
            fputs("’", script);
        else
            fputc(*text, script);
    }
    fputc('\'', script);
}

// posix_spawnp with the three standard streams of the child; errno's value.
static int spawn(int in, int out, int err, pid_t *child)
{
    static char name[] = "gnuplot", defaults[] = "-d", from_stdin[] = "-";
    char *const arguments[] = {name, defaults, from_stdin, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    if ((error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO)) == 0)
        error = posix_spawnp(child, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

// The first line that says something: gnuplot draws a caret and an empty line above its message.
static void first_complaint(FILE *complaints, char *line, size_t size)
{
    rewind(complaints);
    while (fgets(line, (int)size, complaints)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " ^\t")] != '\0')
            return;
    }
    snprintf(line, size, "it said nothing");
}

static enum vkh_status is_missing(const char *name, const struct vkh_log *log)
{
    return vkh_fail(
        log, VKH_ERR_UNSUPPORTED,
        "%s: plots need gnuplot, which is not installed: install it, on Debian and Ubuntu "
        "as gnuplot-nox",
        name);
}

static enum vkh_status wait_for(pid_t child, FILE *complaints, const char *name,
                                const struct vkh_log *log)
{
    int state;
    pid_t got;
    while ((got = waitpid(child, &state, 0)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot wait for gnuplot: %s", name, strerror(errno));
    if (WIFEXITED(state) && WEXITSTATUS(state) == 127)
        return is_missing(name, log);
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return VKH_OK;
    char line[512];
    first_complaint(complaints, line, sizeof(line));
    return vkh_fail(log, VKH_ERR_IO, "%s: gnuplot failed: %s", name, line);
}

static enum vkh_status run(FILE *script, FILE *picture, FILE *complaints, const char *name,
                           const struct vkh_log *log)
{
    // The child reads from the descriptor's position.
    if (fflush(script) != 0 || ferror(script) || lseek(fileno(script), 0, SEEK_SET) != 0)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot write the script: %s", name, strerror(errno));
    pid_t child;
    const int error = spawn(fileno(script), fileno(picture), fileno(complaints), &child);
    if (error == ENOENT)
        return is_missing(name, log);
    if (error != 0)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot start gnuplot: %s", name, strerror(error));
    const enum vkh_status status = wait_for(child, complaints, name, log);
    if (status != VKH_OK)
        return status;
    struct stat info;
    if (fstat(fileno(picture), &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0)
        return vkh_fail(log, VKH_ERR_IO, "%s: gnuplot drew nothing", name);
    return VKH_OK;
}

enum vkh_status vkh_gnuplot_run(FILE *script, FILE *picture, const char *name,
                                const struct vkh_log *log)
{
    FILE *complaints = tmpfile();
    if (!complaints)
        return vkh_fail(log, VKH_ERR_IO, "%s: cannot make a temporary file: %s", name,
                        strerror(errno));
    const enum vkh_status status = run(script, picture, complaints, name, log);
    fclose(complaints);
    return status;
}
