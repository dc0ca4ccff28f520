// SPDX-License-Identifier: MIT
#include "texts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vkhrope/tokenizer.h>

#include "input.h"

static enum vkh_status out_of_memory(const struct tool *tool)
{
    tool_message(tool, "out of memory");
    return VKH_ERR_MEMORY;
}

// `name` is of malloc, and the list's from here.
static enum vkh_status add_name(const struct tool *tool, char *name, struct texts *texts)
{
    char **larger = name ? reallocarray(texts->names, (size_t)texts->n + 1, sizeof(*larger)) : NULL;
    if (!larger) {
        free(name);
        return out_of_memory(tool);
    }
    texts->names = larger;
    texts->names[texts->n++] = name;
    return VKH_OK;
}

static bool is_folder(const char *path)
{
    struct stat info;
    return strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

// Hidden files and folders in the folder are left out.
static enum vkh_status add_folder(const struct tool *tool, const char *path, struct texts *texts)
{
    struct dirent **entries;
    const int n = scandir(path, &entries, NULL, alphasort);
    const uint32_t before = texts->n;
    enum vkh_status status = VKH_OK;
    if (n < 0) {
        tool_message(tool, "%s: cannot read: %s", path, strerror(errno));
        return VKH_ERR_IO;
    }
    for (int i = 0; i < n; i++) {
        char *name = NULL;
        if (entries[i]->d_name[0] != '.' && asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
            status = out_of_memory(tool);
        if (status == VKH_OK && name && !is_folder(name))
            status = add_name(tool, name, texts);
        else
            free(name);
        free(entries[i]);
    }
    free(entries);
    if (status == VKH_OK && texts->n == before) {
        tool_message(tool, "%s: a folder without files", path);
        return VKH_ERR_FORMAT;
    }
    return status;
}

static enum vkh_status list_files(const struct tool *tool, const struct ppl_strings *sources,
                                  struct texts *texts)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < sources->n && status == VKH_OK; i++)
        status = is_folder(sources->items[i]) ? add_folder(tool, sources->items[i], texts)
                                              : add_name(tool, strdup(sources->items[i]), texts);
    texts->items = calloc((size_t)texts->n + 1, sizeof(*texts->items));
    for (uint32_t i = 0; i < texts->n && texts->items; i++)
        texts->items[i].name = texts->names[i];
    return texts->items || status != VKH_OK ? status : out_of_memory(tool);
}

static enum vkh_status encode_one(struct tool *tool, const struct vkh_tokenizer *tokenizer,
                                  struct vkh_ppl_text *text)
{
    char *data = NULL;
    uint64_t bytes;
    int32_t *ids = NULL;
    enum vkh_status status = input_read(tool, text->name, &data, &bytes);
    if (status == VKH_OK) {
        tool->context = text->name;
        status = vkh_tokenizer_encode(tokenizer, data, bytes, &ids, &text->n_ids);
        tool->context = NULL;
    }
    text->ids = ids;
    free(data);
    return status;
}

// What the tokenizer makes of nothing is what it begins texts with.
static enum vkh_status find_bos(const struct vkh_tokenizer *tokenizer, struct texts *texts)
{
    int32_t *ids;
    uint64_t n;
    const enum vkh_status status = vkh_tokenizer_encode(tokenizer, "", 0, &ids, &n);
    if (status == VKH_OK && n == 1) {
        texts->has_bos = true;
        texts->bos = ids[0];
    }
    vkh_ids_free(&ids);
    return status;
}

static enum vkh_status encode_all(struct tool *tool, const char *model, struct texts *texts)
{
    const struct vkh_log log = tool_log(tool);
    struct vkh_tokenizer *tokenizer = NULL;
    enum vkh_status status = vkh_tokenizer_open(model, &log, &tokenizer);
    texts->encoded = true;
    if (status == VKH_OK)
        status = find_bos(tokenizer, texts);
    for (uint32_t i = 0; i < texts->n && status == VKH_OK; i++)
        status = encode_one(tool, tokenizer, &texts->items[i]);
    vkh_tokenizer_close(&tokenizer);
    return status;
}

static enum vkh_status check_ids(const struct tool *tool, const struct vkh_ppl_text *text,
                                 uint32_t vocab)
{
    if (text->n_ids < 2) {
        tool_message(tool, "%s: %llu tokens; a perplexity needs 2", text->name,
                     (unsigned long long)text->n_ids);
        return VKH_ERR_FORMAT;
    }
    for (uint64_t i = 0; i < text->n_ids; i++) {
        if (text->ids[i] >= 0 && (uint32_t)text->ids[i] < vocab)
            continue;
        tool_message(tool, "%s: id %d at index %llu is outside the model's vocabulary of %u ids",
                     text->name, text->ids[i], (unsigned long long)i, vocab);
        return VKH_ERR_FORMAT;
    }
    return VKH_OK;
}

// A plan depends on how many ids there are, not on which.
static enum vkh_status invent(const struct tool *tool, const struct ppl_args *args,
                              struct texts *texts)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < args->n_lengths; i++)
        most = args->lengths[i] > most ? args->lengths[i] : most;
    texts->items = calloc(1, sizeof(*texts->items));
    int32_t *ids = calloc(most, sizeof(*ids));
    if (!texts->items || !ids) {
        free(ids);
        return out_of_memory(tool);
    }
    texts->n = 1;
    texts->items[0] = (struct vkh_ppl_text){"", ids, most};
    return VKH_OK;
}

enum vkh_status texts_open(struct tool *tool, const struct ppl_args *args, uint32_t vocab,
                           struct texts *texts)
{
    *texts = (struct texts){0};
    const struct ppl_strings *sources = args->texts.n ? &args->texts : &args->tokens;
    if (sources->n == 0)
        return invent(tool, args, texts);
    enum vkh_status status = list_files(tool, sources, texts);
    if (status == VKH_OK && args->texts.n)
        status = encode_all(tool, args->model, texts);
    for (uint32_t i = 0; i < texts->n && status == VKH_OK; i++) {
        struct vkh_ppl_text *text = &texts->items[i];
        int32_t *ids = NULL;
        if (!args->texts.n) {
            status = input_read_ids(tool, text->name, &ids, &text->n_ids);
            text->ids = ids;
        }
        if (status == VKH_OK)
            status = check_ids(tool, text, vocab);
    }
    return status;
}

void texts_close(struct texts *texts)
{
    for (uint32_t i = 0; i < texts->n; i++) {
        int32_t *ids = texts->items ? (int32_t *)texts->items[i].ids : NULL;
        if (texts->encoded)
            vkh_ids_free(&ids);
        free(ids);
        if (texts->names)
            free(texts->names[i]);
    }
    free(texts->items);
    free(texts->names);
    *texts = (struct texts){0};
}

uint64_t texts_shortest(const struct texts *texts)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < texts->n; i++)
        least = texts->items[i].n_ids < least ? texts->items[i].n_ids : least;
    return least;
}

uint64_t texts_longest(const struct texts *texts)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < texts->n; i++)
        most = texts->items[i].n_ids > most ? texts->items[i].n_ids : most;
    return most;
}
