// SPDX-License-Identifier: MIT
// perplexity MODEL TEXT [LENGTH ...]: the table of a model and a text, with progress on a terminal.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <vkhrope/vkhrope.h>

static void print_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

static bool show_progress(void *user, const struct vkh_ppl_progress *at)
{
    (void)user;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%3.0f %%  ", 100.0 * (double)at->done / (double)at->total);
    return true;
}

static char *read_whole(const char *path, uint64_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        *bytes = (uint64_t)ftell(file);
        rewind(file);
        text = malloc(*bytes + 1);
        if (text && fread(text, 1, *bytes, file) != *bytes)
            *bytes = 0;
    }
    if (file)
        fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    static const struct vkh_log log = {print_line, NULL, VKH_LOG_WARNING};
    uint32_t lengths[16], n_lengths = 0;
    for (int i = 3; i < argc && n_lengths < 16; i++)
        lengths[n_lengths++] = (uint32_t)strtoul(argv[i], NULL, 10);
    struct vkh_perplexity_options options = {
        .table = {.lengths = lengths, .n_lengths = n_lengths, .progress = show_progress}};
    struct vkh_ppl_results *results = NULL;
    char *text = argc < 3 ? NULL : read_whole(argv[2], &options.text_bytes);
    if (!text) {
        fprintf(stderr, "usage: perplexity MODEL TEXT [LENGTH ...]\n");
        return 1;
    }
    options.model = argv[1], options.text = text;
    enum vkh_status status = vkh_perplexity(&options, &log, &results);
    if (status == VKH_OK)
        status = vkh_report_write(results, VKH_REPORT_TABLE, &log, stdout);
    vkh_ppl_results_destroy(&results);
    free(text);
    return status != VKH_OK;
}
