// SPDX-License-Identifier: MIT
#include "model/tokenizer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

static enum vkh_status open_file(const char *path, struct vkh_tokenizer *tokenizer)
{
    struct vkh_file file;
    const enum vkh_status status = vkh_file_open(path, &tokenizer->log, &file);
    if (status != VKH_OK)
        return status;
    const bool is_gguf = file.size >= 4 && memcmp(file.data, "GGUF", 4) == 0;
    vkh_file_close(&file);
    return is_gguf ? vkh_tokenizer_from_gguf(path, tokenizer)
                   : vkh_tokenizer_from_json(path, tokenizer);
}

static enum vkh_status open_folder(const char *path, struct vkh_tokenizer *tokenizer)
{
    static const char name[] = "/tokenizer.json";
    const size_t length = strlen(path);
    char *whole = malloc(length + sizeof(name));
    if (!whole)
        return vkh_fail(&tokenizer->log, VKH_ERR_MEMORY, "%s: out of memory", path);
    memcpy(whole, path, length);
    memcpy(whole + length, name, sizeof(name));
    const enum vkh_status status = vkh_tokenizer_from_json(whole, tokenizer);
    free(whole);
    return status;
}

enum vkh_status vkh_tokenizer_open(const char *path, const struct vkh_log *log,
                                   struct vkh_tokenizer **tokenizer)
{
    *tokenizer = calloc(1, sizeof(**tokenizer));
    if (!*tokenizer)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    if (log)
        (*tokenizer)->log = *log;
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    const enum vkh_status status =
        is_folder ? open_folder(path, *tokenizer) : open_file(path, *tokenizer);
    if (status != VKH_OK)
        vkh_tokenizer_close(tokenizer);
    return status;
}

void vkh_tokenizer_close(struct vkh_tokenizer **tokenizer)
{
    if (!tokenizer || !*tokenizer)
        return;
    vkh_split_fini(&(*tokenizer)->split);
    vkh_arena_fini(&(*tokenizer)->arena);
    free(*tokenizer);
    *tokenizer = NULL;
}

enum vkh_status vkh_tokenizer_prepend(const struct vkh_place *place,
                                      struct vkh_tokenizer *tokenizer, int64_t id)
{
    if (id < 0 || id >= tokenizer->vocab.count)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s: %" PRId64 " is outside the vocabulary of %" PRIu32 " tokens",
                        place->path, place->field, id, tokenizer->vocab.count);
    int32_t *prefix = vkh_arena_alloc(&tokenizer->arena, tokenizer->n_prefix + 1, sizeof(*prefix));
    if (!prefix)
        return vkh_place_memory(place);
    prefix[0] = (int32_t)id;
    if (tokenizer->n_prefix > 0)
        memcpy(prefix + 1, tokenizer->prefix, tokenizer->n_prefix * sizeof(*prefix));
    tokenizer->prefix = prefix;
    tokenizer->n_prefix++;
    return VKH_OK;
}

uint32_t vkh_tokenizer_vocab(const struct vkh_tokenizer *tokenizer)
{
    return tokenizer->vocab.count;
}

const char *vkh_tokenizer_bytes(const struct vkh_tokenizer *tokenizer, int32_t id,
                                uint64_t *n_bytes)
{
    *n_bytes = 0;
    if (id < 0 || (uint32_t)id >= tokenizer->vocab.count)
        return NULL;
    *n_bytes = tokenizer->vocab.tokens[id].n_bytes;
    return tokenizer->vocab.tokens[id].bytes;
}
