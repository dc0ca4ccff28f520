// SPDX-License-Identifier: MIT
// vkhrope-ppl: a model and a text in, the table of perplexities out.
#include <stdio.h>
#include <stdlib.h>
#include <vkhrope/tokenizer.h>

#include "input.h"
#include "ppl_args.h"
#include "progress.h"

// What a run works on.
struct job {
    struct vkh_model *model;
    struct vkh_model_info info;
    int32_t *ids;
    uint64_t n_ids;
    bool encoded; // the ids belong to the tokenizer's room, not to malloc
    uint32_t *lengths;
    uint32_t n_lengths;
};

static enum vkh_status encode_text(struct tool *tool, const struct ppl_args *args, struct job *job)
{
    char *text = NULL;
    uint64_t bytes;
    enum vkh_status status = input_read(tool, args->text, &text, &bytes);
    if (status != VKH_OK)
        return status;
    const struct vkh_log log = tool_log(tool);
    struct vkh_tokenizer *tokenizer = NULL;
    status = vkh_tokenizer_open(args->model, &log, &tokenizer);
    if (status == VKH_OK) {
        tool->context = args->text;
        status = vkh_tokenizer_encode(tokenizer, text, bytes, &job->ids, &job->n_ids);
        tool->context = NULL;
    }
    vkh_tokenizer_close(&tokenizer);
    free(text);
    job->encoded = true;
    return status;
}

static enum vkh_status check_ids(const struct tool *tool, const char *path, const struct job *job)
{
    for (uint64_t i = 0; i < job->n_ids; i++) {
        if (job->ids[i] >= 0 && (uint32_t)job->ids[i] < job->info.vocab)
            continue;
        tool_message(tool, "%s: id %d at index %llu is outside the model's vocabulary of %u ids",
                     path, job->ids[i], (unsigned long long)i, job->info.vocab);
        return VKH_ERR_FORMAT;
    }
    return VKH_OK;
}

static enum vkh_status out_of_memory(const struct tool *tool)
{
    tool_message(tool, "out of memory");
    return VKH_ERR_MEMORY;
}

// A plan depends on how many ids there are, not on which.
static enum vkh_status invent_ids(const struct tool *tool, const struct ppl_args *args,
                                  struct job *job)
{
    for (uint32_t i = 0; i < args->n_lengths; i++)
        if (args->lengths[i] > job->n_ids)
            job->n_ids = args->lengths[i];
    job->ids = calloc(job->n_ids, sizeof(*job->ids));
    return job->ids ? VKH_OK : out_of_memory(tool);
}

static enum vkh_status get_ids(struct tool *tool, const struct ppl_args *args, struct job *job)
{
    const char *path = args->text ? args->text : args->tokens;
    if (!path)
        return invent_ids(tool, args, job);
    const enum vkh_status status = args->text ? encode_text(tool, args, job)
                                              : input_read_ids(tool, path, &job->ids, &job->n_ids);
    if (status != VKH_OK)
        return status;
    if (job->n_ids < 2) {
        tool_message(tool, "%s: %llu tokens; a perplexity needs 2", path,
                     (unsigned long long)job->n_ids);
        return VKH_ERR_FORMAT;
    }
    return check_ids(tool, path, job);
}

// original_max_len and its multiples as far as the text goes; the whole text when it is shorter.
static enum vkh_status choose_lengths(const struct tool *tool, uint32_t original, struct job *job)
{
    enum { MOST_MULTIPLES = 6 };
    job->lengths = calloc(MOST_MULTIPLES, sizeof(*job->lengths));
    if (!job->lengths)
        return out_of_memory(tool);
    while (job->n_lengths < MOST_MULTIPLES &&
           (uint64_t)original * (job->n_lengths + 1) <= job->n_ids && original >= 2) {
        job->lengths[job->n_lengths] = original * (job->n_lengths + 1);
        job->n_lengths++;
    }
    if (job->n_lengths == 0)
        job->lengths[job->n_lengths++] =
            job->n_ids < UINT32_MAX ? (uint32_t)job->n_ids : UINT32_MAX;
    if (tool->quiet)
        return VKH_OK;
    if (job->lengths[0] == original)
        tool_message(tool,
                     "no --lengths given: %u to %u tokens in steps of original_max_len, of the "
                     "text's %llu",
                     original, job->lengths[job->n_lengths - 1], (unsigned long long)job->n_ids);
    else
        tool_message(tool, "no --lengths given: all %u tokens of the text", job->lengths[0]);
    return VKH_OK;
}

static enum vkh_status get_lengths(const struct tool *tool, const struct ppl_args *args,
                                   struct job *job)
{
    const uint32_t original =
        args->original_max_len ? args->original_max_len : job->info.context_length;
    if (!args->lengths)
        return choose_lengths(tool, original, job);
    job->lengths = malloc(args->n_lengths * sizeof(*job->lengths));
    if (!job->lengths)
        return out_of_memory(tool);
    for (; job->n_lengths < args->n_lengths; job->n_lengths++) {
        const uint32_t length = args->lengths[job->n_lengths];
        if (length > job->n_ids) {
            tool_message(tool, "--lengths: %u tokens asked for, but %s has %llu", length,
                         args->text ? args->text : args->tokens, (unsigned long long)job->n_ids);
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
    status = get_ids(tool, args, job);
    return status == VKH_OK ? get_lengths(tool, args, job) : status;
}

static void close_job(struct job *job)
{
    vkh_model_close(&job->model);
    if (job->encoded)
        vkh_ids_free(&job->ids);
    free(job->ids);
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

// Tries every output, so that one that fails does not cost the others; the first failure's status.
static enum vkh_status write_outputs(const struct ppl_args *args, const struct tool *tool,
                                     const struct vkh_ppl_results *results, const int32_t *ids,
                                     const struct vkh_log *log)
{
    enum vkh_status first = VKH_OK, status;
    bool to_stdout = args->n_outputs == 0 || !tool->quiet;
    for (uint32_t i = 0; i < args->n_outputs; i++) {
        const struct ppl_output *output = &args->outputs[i];
        status = vkh_report_save(results, output->format, output->path, log);
        first = first == VKH_OK ? status : first;
        if (output->path[0] == '-' && output->path[1] == '\0')
            to_stdout = false;
    }
    if (args->nll) {
        status = vkh_report_nll(results, ids, args->nll, log);
        first = first == VKH_OK ? status : first;
    }
    if (to_stdout) {
        status = vkh_report_write(results, args->format, log, stdout);
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
    const struct vkh_ppl_options options = {
        .ids = job->ids,
        .n_ids = job->n_ids,
        .lengths = job->lengths,
        .n_lengths = job->n_lengths,
        .methods = args->methods,
        .n_methods = args->n_methods,
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
        status = write_outputs(args, tool, results, job->ids, &log);
    vkh_ppl_results_destroy(&results);
    return status;
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "vkhrope-ppl"};
    struct progress progress = {0};
    struct ppl_args args;
    ppl_args_parse(&tool, argc, argv, &args);
    enum vkh_status status;
    if (args.list_devices) {
        status = tool_list_devices(&tool);
    } else {
        struct job job = {0};
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
    return tool_finish(&tool, tool_exit_of(status));
}
