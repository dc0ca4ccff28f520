// SPDX-License-Identifier: MIT
#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void clear_line(void *user)
{
    struct progress *progress = user;
    if (progress->shown)
        fputs("\r\x1b[K", stderr);
    progress->shown = false;
}

void progress_start(struct progress *progress, struct tool *tool)
{
    *progress = (struct progress){.visible = !tool->quiet && isatty(STDERR_FILENO), .tool = tool};
    tool->before = clear_line;
    tool->user = progress;
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    progress->start = now();
}

static void print_line(struct progress *progress, const struct vkh_ppl_progress *at, double time)
{
    const double rate = (double)(at->done - at->resumed) / (time - progress->start);
    const double left = (double)(at->total - at->done) / rate;
    const unsigned seconds = left < 1e6 ? (unsigned)left : 1000000;
    fprintf(stderr, "\r\x1b[K%s  %llu of %llu tokens  %.0f tokens/s  %u:%02u left", at->method,
            (unsigned long long)at->done, (unsigned long long)at->total, rate, seconds / 60,
            seconds % 60);
    fflush(stderr);
    progress->shown = true;
    progress->last = time;
}

bool progress_step(void *user, const struct vkh_ppl_progress *at)
{
    struct progress *progress = user;
    if (interrupted)
        return false;
    const double time = now();
    flockfile(stderr);
    if (at->resumed > 0 && at->done > at->resumed && !progress->told && !progress->tool->quiet) {
        progress->told = true;
        tool_message(progress->tool, "went on after %llu of %llu tokens",
                     (unsigned long long)at->resumed, (unsigned long long)at->total);
    }
    if (progress->visible && at->done > at->resumed && time > progress->start &&
        time - progress->last > 0.1)
        print_line(progress, at, time);
    funlockfile(stderr);
    return true;
}

void progress_end(struct progress *progress)
{
    clear_line(progress);
}
