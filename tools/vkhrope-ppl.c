// SPDX-License-Identifier: MIT
// vkhrope-ppl: a model and a text in, the table of perplexities out.
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "ppl_args.h"
#include "progress.h"
#include "texts.h"
#include "vocabulary.h"

enum { MOST_MULTIPLES = 6 };

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

static enum vkh_status print_plan(struct vkh_device *device, const struct vkh_ppl_options *options,
                                  const struct job *job, const struct vkh_log *log)
{
    struct vkh_ppl_memory plan;
    const enum vkh_status status = vkh_ppl_plan(device, job->model, options, log, &plan);
    if (status != VKH_OK)
        return status;
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {{"weights", plan.weights},
                {"KV cache", plan.kv},
                {"activations", plan.activations},
                {"peak", plan.peak},
                {"device", plan.device}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("%-12s %14llu bytes  %9s\n", rows[i].name, (unsigned long long)rows[i].bytes,
               tool_bytes(rows[i].bytes).text);
    printf("%-12s %s\n", "KV type", plan.kv_type);
    printf("%-12s %s\n", "fits", plan.fits ? "yes" : "no");
    return VKH_OK;
}

static enum vkh_status save(const struct ppl_args *args, const char *command,
                            const struct vkh_ppl_results *results, enum vkh_report_format format,
                            const char *path, const struct vkh_log *log)
{
    const struct vkh_report_html_options options = {command, args->reference};
    return format == VKH_REPORT_HTML ? vkh_report_html(results, &options, path, log)
                                     : vkh_report_save(results, format, path, log);
}

// Tries every output, so that one that fails does not cost the others; the first failure's status.
static enum vkh_status write_outputs(const struct ppl_args *args, const struct tool *tool,
                                     const struct vkh_ppl_results *results, const struct job *job,
                                     const struct vkh_log *log)
{
    enum vkh_status first = VKH_OK, status;
    bool to_stdout = args->n_outputs == 0 || !tool->quiet;
    for (uint32_t i = 0; i < args->n_outputs; i++) {
        const struct ppl_output *output = &args->outputs[i];
        status = save(args, job->command, results, output->format, output->path, log);
        first = first == VKH_OK ? status : first;
        if (output->path[0] == '-' && output->path[1] == '\0')
            to_stdout = false;
    }
    if (args->nll) {
        status = vkh_report_nll(results, job->texts.items, args->nll, log);
        first = first == VKH_OK ? status : first;
    }
    if (args->curve) {
        status = vkh_report_curve(results, args->curve, log);
        first = first == VKH_OK ? status : first;
    }
    if (to_stdout) {
        status = save(args, job->command, results, args->format, "-", log);
        first = first == VKH_OK ? status : first;
    }
    if (args->plot) {
        status = vkh_report_plot(results, args->plot, log);
        first = first == VKH_OK ? status : first;
    }
    return first;
}

static enum vkh_status evaluate(struct tool *tool, const struct ppl_args *args,
                                const struct job *job, struct vkh_device *device,
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
        .original_max_len = args->original_max_len,
        .chunk = args->chunk,
        .kv_type = args->kv_type,
        .keep_nll = args->nll != NULL,
        .progress = progress_step,
        .user = progress,
    };
    if (args->memory_plan)
        return print_plan(device, &options, job, &log);
    struct vkh_ppl_results *results = NULL;
    progress_start(progress, tool);
    enum vkh_status status = vkh_ppl_run(device, job->model, &options, &log, &results);
    progress_end(progress);
    if (status == VKH_OK)
        status = write_outputs(args, tool, results, job, &log);
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
    ppl_args_parse(&tool, argc, argv, &args);
    enum vkh_status status;
    if (args.list_devices) {
        status = tool_list_devices(&tool);
    } else if (args.list_methods) {
        status = VKH_OK;
        list_methods();
    } else {
        struct job job = {.command = command};
        struct vkh_device *device = NULL;
        status = open_job(&tool, &args, &job);
        if (status == VKH_OK)
            status = tool_open_device(&tool, args.device, &device);
        if (status == VKH_OK)
            status = evaluate(&tool, &args, &job, device, &progress);
        vkh_device_destroy(&device);
        close_job(&job);
    }
    ppl_args_fini(&args);
    free(command);
    return tool_finish(&tool, tool_exit_of(status));
}
