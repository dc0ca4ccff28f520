// SPDX-License-Identifier: MIT
// vkhrope-ppl: a model and a text in, the table of perplexities out.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "ppl_args.h"
#include "ppl_merge.h"
#include "ppl_outputs.h"
#include "progress.h"
#include "texts.h"
#include "vocabulary.h"

enum { MOST_MULTIPLES = 6 };

struct devices {
    struct vkh_device **items;
    uint32_t n;
};

// What a run works on.
struct job {
    const char *command;                // that started the run
    struct vkh_model *model, *kl_model; // the latter NULL without --kl-model
    struct vkh_model_info info;
    struct texts texts;
    uint32_t *lengths;
    uint32_t n_lengths;
};

static enum vkh_status out_of_memory(const struct tool *tool)
{
    tool_message(tool, "out of memory");
    return VKH_ERR_MEMORY;
}

// original_max_len and its multiples as far as every text goes; the whole text when it is shorter.
static uint32_t choose_multiples(uint32_t original, const struct texts *texts, uint32_t *lengths)
{
    const uint64_t shortest = texts_shortest(texts);
    uint32_t n = 0;
    while (n < MOST_MULTIPLES && (uint64_t)original * (n + 1) <= shortest && original >= 2) {
        lengths[n] = original * (n + 1);
        n++;
    }
    if (n == 0)
        lengths[n++] = shortest < UINT32_MAX ? (uint32_t)shortest : UINT32_MAX;
    return n;
}

static enum vkh_status choose_lengths(const struct tool *tool, const struct ppl_args *args,
                                      struct job *job)
{
    const uint32_t original =
        args->original_max_len ? args->original_max_len : job->info.context_length;
    const uint64_t longest = texts_longest(&job->texts);
    job->lengths = calloc(MOST_MULTIPLES, sizeof(*job->lengths));
    if (!job->lengths)
        return out_of_memory(tool);
    if (args->regime.kind == VKH_REGIME_PREFIX) {
        job->n_lengths = choose_multiples(original, &job->texts, job->lengths);
    } else {
        job->n_lengths = 1;
        job->lengths[0] = longest < UINT32_MAX ? (uint32_t)longest : UINT32_MAX;
    }
    if (tool->quiet)
        return VKH_OK;
    if (job->lengths[0] == original)
        tool_message(tool,
                     "no --lengths given: %u to %u tokens in steps of original_max_len, of the "
                     "text's %llu",
                     original, job->lengths[job->n_lengths - 1],
                     (unsigned long long)texts_shortest(&job->texts));
    else
        tool_message(tool, "no --lengths given: all %u tokens of the text", job->lengths[0]);
    return VKH_OK;
}

static enum vkh_status get_lengths(const struct tool *tool, const struct ppl_args *args,
                                   struct job *job)
{
    const uint64_t longest = texts_longest(&job->texts);
    if (!args->lengths)
        return choose_lengths(tool, args, job);
    job->lengths = malloc(args->n_lengths * sizeof(*job->lengths));
    if (!job->lengths)
        return out_of_memory(tool);
    for (; job->n_lengths < args->n_lengths; job->n_lengths++) {
        const uint32_t length = args->lengths[job->n_lengths];
        if (length > longest) {
            tool_message(tool, "--lengths: %u tokens asked for, but %s has %llu", length,
                         job->texts.n > 1 ? "the longest text" : job->texts.items[0].name,
                         (unsigned long long)longest);
            return VKH_ERR_ARGUMENT;
        }
        job->lengths[job->n_lengths] = length;
    }
    return VKH_OK;
}

static enum vkh_status open_job(struct tool *tool, const struct ppl_args *args, struct job *job)
{
    const struct vkh_log log = tool_log(tool);
    enum vkh_status status = vkh_model_open(args->model, &log, &job->model);
    if (status != VKH_OK)
        return status;
    job->info = vkh_model_get_info(job->model);
    if (args->kl_model) {
        status = vkh_model_open(args->kl_model, &log, &job->kl_model);
        if (status != VKH_OK)
            return status;
        const struct vkh_model_info other = vkh_model_get_info(job->kl_model);
        status = vocabulary_check(tool, args, &job->info, &other);
    }
    if (status == VKH_OK)
        status = texts_open(tool, args, job->info.vocab, &job->texts);
    return status == VKH_OK ? get_lengths(tool, args, job) : status;
}

static void close_job(struct job *job)
{
    vkh_model_close(&job->model);
    vkh_model_close(&job->kl_model);
    texts_close(&job->texts);
    free(job->lengths);
}

static void close_devices(struct devices *devices)
{
    for (uint32_t i = 0; i < devices->n; i++)
        vkh_device_destroy(&devices->items[i]);
    free(devices->items);
    *devices = (struct devices){0};
}

// Those of --devices, or the one of --device. To be closed also when it fails.
static enum vkh_status open_devices(struct tool *tool, const struct ppl_args *args,
                                    struct devices *devices)
{
    struct vkh_device_options options = args->device;
    devices->n = args->devices.n ? args->devices.n : 1;
    devices->items = calloc(devices->n, sizeof(struct vkh_device *));
    if (!devices->items) {
        devices->n = 0;
        return out_of_memory(tool);
    }
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < devices->n && status == VKH_OK; i++) {
        if (args->devices.n)
            options.select = args->devices.items[i];
        status = tool_open_device(tool, options, &devices->items[i]);
    }
    return status;
}

static void print_memory(const struct vkh_ppl_memory *plan)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"weights", plan->weights}, {"KV cache", plan->kv}, {"activations", plan->activations},
        {"peak", plan->peak},       {"limit", plan->limit}, {"device", plan->device}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("%-12s %14llu bytes  %9s\n", rows[i].name, (unsigned long long)rows[i].bytes,
               tool_bytes(rows[i].bytes).text);
    printf("%-12s %s\n", "walk", vkh_ppl_walk_name(plan->walk));
    if (plan->walk != VKH_WALK_CHUNKS)
        printf("%-12s %u\n", "batches", plan->batches);
    printf("%-12s %u tokens\n", "chunk", plan->chunk);
    printf("%-12s %s\n", "KV type", plan->kv_type);
    printf("%-12s %s\n", "fits", plan->fits ? "yes" : "no");
}

static enum vkh_status print_plan(const struct devices *devices,
                                  const struct vkh_ppl_options *options, const struct job *job,
                                  const struct vkh_log *log)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < devices->n && status == VKH_OK; i++) {
        struct vkh_ppl_options own = *options;
        struct vkh_ppl_memory plan;
        if (devices->n > 1) {
            own.part = (struct vkh_ppl_share){i + 1, devices->n};
            printf("%s%s\n", i ? "\n" : "", vkh_device_caps(devices->items[i])->device_name);
        }
        status = vkh_ppl_plan(devices->items[i], job->model, &own, log, &plan);
        if (status == VKH_OK)
            print_memory(&plan);
    }
    return status;
}

// Writes the outputs; only then is the checkpoint of no more use.
static enum vkh_status finish(struct tool *tool, const struct ppl_args *args,
                              const struct vkh_ppl_results *results, const struct job *job)
{
    const enum vkh_status status =
        ppl_outputs_write(tool, args, job->command, results, job->texts.items);
    if (args->resume && status != VKH_OK)
        tool_message(tool,
                     "--resume: %s has the results: the same command tries again to write them",
                     args->resume);
    else if (args->resume && remove(args->resume) != 0)
        tool_message(tool, "warning: --resume: %s: cannot remove: %s", args->resume,
                     strerror(errno));
    return status;
}

// What the user of a run that stopped half way can do.
static void advise(const struct tool *tool, const struct ppl_args *args, enum vkh_status status)
{
    if (status != VKH_ERR_DEVICE_LOST && status != VKH_ERR_CANCELLED)
        return;
    if (args->resume)
        tool_message(tool,
                     "--resume: %s has what was finished: run the same command again to go on",
                     args->resume);
    else if (status == VKH_ERR_DEVICE_LOST)
        tool_message(tool, "run it with --resume FILE: a run that stops then goes on where it was");
}

static enum vkh_status evaluate(struct tool *tool, const struct ppl_args *args,
                                const struct job *job, const struct devices *devices,
                                struct progress *progress)
{
    const struct vkh_log log = tool_log(tool);
    struct vkh_ppl_regime regime = args->regime;
    regime.has_bos = regime.kind == VKH_REGIME_CHUNKED && job->texts.has_bos;
    regime.bos = job->texts.bos;
    const struct vkh_ppl_options options = {
        .texts = job->texts.items,
        .n_texts = job->texts.n,
        .regime = regime,
        .lengths = job->lengths,
        .n_lengths = job->n_lengths,
        .methods = args->methods.items,
        .n_methods = args->methods.n,
        .sweeps = args->sweeps.items,
        .n_sweeps = args->sweeps.n,
        .kl = args->kl,
        .kl_model = job->kl_model,
        .shard = args->shard,
        .original_max_len = args->original_max_len,
        .chunk = args->chunk,
        .kv_type = args->kv_type,
        .memory = args->memory,
        .keep_nll = args->nll != NULL,
        .checkpoint = args->resume,
        .progress = progress_step,
        .user = progress,
    };
    if (args->memory_plan)
        return print_plan(devices, &options, job, &log);
    struct vkh_ppl_results *results = NULL;
    progress_start(progress, tool);
    enum vkh_status status =
        devices->n > 1
            ? vkh_ppl_run_on(devices->items, devices->n, job->model, &options, &log, &results)
            : vkh_ppl_run(devices->items[0], job->model, &options, &log, &results);
    progress_end(progress);
    if (status == VKH_OK)
        status = finish(tool, args, results, job);
    else
        advise(tool, args, status);
    vkh_ppl_results_destroy(&results);
    return status;
}

static void print_method(void *user, const char *usage, const char *about)
{
    (void)user;
    printf("%s\n    %s\n", usage, about);
}

static void print_key(void *user, const char *key, const char *about)
{
    (void)user;
    printf("      %-16s %s\n", key, about);
}

static void list_methods(void)
{
    puts("Methods are terms joined by +, applied from left to right. One without a schedule of\n"
         "frequencies keeps the model's own scaling; one with a schedule replaces it, unless own\n"
         "is among its terms.\n");
    vkh_ppl_methods(print_method, print_key, NULL);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "vkhrope-ppl"};
    struct progress progress = {0};
    struct ppl_args args;
    char *command = command_line(&tool, argc, argv);
    if (argc > 1 && strcmp(argv[1], "merge") == 0) {
        const int code = ppl_merge(&tool, argc - 1, argv + 1, command);
        free(command);
        return code;
    }
    ppl_args_parse(&tool, argc, argv, &args);
    enum vkh_status status;
    if (args.list_devices) {
        status = tool_list_devices(&tool);
    } else if (args.list_methods) {
        status = VKH_OK;
        list_methods();
    } else {
        struct job job = {.command = command};
        struct devices devices = {0};
        status = open_job(&tool, &args, &job);
        if (status == VKH_OK)
            status = open_devices(&tool, &args, &devices);
        if (status == VKH_OK)
            status = evaluate(&tool, &args, &job, &devices, &progress);
        close_devices(&devices);
        close_job(&job);
    }
    ppl_args_fini(&args);
    free(command);
    return tool_finish(&tool, tool_exit_of(status));
}
