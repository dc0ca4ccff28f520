// SPDX-License-Identifier: MIT
#include "report/read.h"

#include <stdlib.h>
#include <string.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "report/format.h"
#include "report/owned.h"

void *vkh_read_alloc(struct vkh_fields *fields, size_t count, size_t size)
{
    void *memory = vkh_arena_alloc(fields->arena, count, size);
    if (!memory && fields->status == VKH_OK)
        fields->status = vkh_fail(fields->log, VKH_ERR_MEMORY, "%s: out of memory", fields->path);
    return memory;
}

static void read_regime(struct vkh_fields *fields, const struct vkh_object *run,
                        struct vkh_ppl_regime *regime)
{
    *regime = (struct vkh_ppl_regime){.kind = VKH_REGIME_PREFIX};
    if (!vkh_fields_is_null(run, "window")) {
        regime->kind = VKH_REGIME_CHUNKED;
        regime->window = (uint32_t)vkh_fields_size(fields, run, "window", 2, VKH_READ_MOST_TOKENS);
    }
    if (!vkh_fields_is_null(run, "stride")) {
        const uint32_t most = regime->window > 1 ? regime->window - 1 : 0;
        regime->kind = VKH_REGIME_WINDOW;
        regime->stride = (uint32_t)vkh_fields_size(fields, run, "stride", 1, most);
    }
    if (!vkh_fields_is_null(run, "bos")) {
        regime->has_bos = true;
        regime->bos = (int32_t)vkh_fields_size(fields, run, "bos", 0, INT32_MAX);
    }
}

static enum vkh_ppl_walk read_walk(struct vkh_fields *fields, const struct vkh_object *memory)
{
    const char *name = vkh_fields_string(fields, memory, "walk", false);
    for (int i = 0; i < VKH_WALKS; i++)
        if (strcmp(name, vkh_ppl_walk_name((enum vkh_ppl_walk)i)) == 0)
            return (enum vkh_ppl_walk)i;
    vkh_fields_fail(fields, memory, "walk", "none of chunks, layers, streamed");
    return VKH_WALK_CHUNKS;
}

static void read_memory(struct vkh_fields *fields, const struct vkh_object *run,
                        struct vkh_ppl_memory *memory)
{
    const struct vkh_object from = vkh_fields_object(fields, run, "memory");
    *memory = (struct vkh_ppl_memory){
        .weights = vkh_fields_size(fields, &from, "weights", 0, VKH_READ_MOST),
        .kv = vkh_fields_size(fields, &from, "kv", 0, VKH_READ_MOST),
        .activations = vkh_fields_size(fields, &from, "activations", 0, VKH_READ_MOST),
        .peak = vkh_fields_size(fields, &from, "peak", 0, VKH_READ_MOST),
        .device = vkh_fields_size(fields, &from, "device", 0, VKH_READ_MOST),
        .limit = vkh_fields_size(fields, &from, "limit", 0, VKH_READ_MOST),
        .fits = vkh_fields_bool(fields, &from, "fits"),
        .walk = read_walk(fields, &from),
        .chunk = (uint32_t)vkh_fields_size(fields, run, "chunk", 0, UINT32_MAX),
        .batches = (uint32_t)vkh_fields_size(fields, &from, "batches", 1, UINT32_MAX),
        .kv_type = vkh_fields_string(fields, run, "kv_type", false),
    };
}

static void read_head(struct vkh_fields *fields, const struct vkh_object *run,
                      struct vkh_ppl_results *r)
{
    enum { MOST_SECONDS = 1000000000, MOST_DEVICES = 1 << 16 };
    r->model = vkh_fields_string(fields, run, "model", false);
    r->architecture = vkh_fields_string(fields, run, "architecture", false);
    r->weight_type = vkh_fields_string(fields, run, "weight_type", false);
    r->device = vkh_fields_string(fields, run, "device", false);
    r->driver = vkh_fields_string(fields, run, "driver", false);
    r->variants = vkh_fields_string(fields, run, "variants", false);
    r->own_scaling = vkh_fields_string(fields, run, "own_scaling", false);
    r->original_max_len = (uint32_t)vkh_fields_size(fields, run, "original_max_len", 1, UINT32_MAX);
    r->original_max_len_from_model = vkh_fields_bool(fields, run, "original_max_len_from_model");
    r->tokens_available = vkh_fields_size(fields, run, "tokens_available", 0, VKH_READ_MOST);
    r->chunk = (uint32_t)vkh_fields_size(fields, run, "chunk", 0, UINT32_MAX);
    r->seconds = vkh_fields_real(fields, run, "seconds", 0, MOST_SECONDS, false);
    r->device_seconds = vkh_fields_real(fields, run, "device_seconds", 0, MOST_SECONDS, false);
    r->longest_submit =
        vkh_fields_real(fields, run, "longest_submit_seconds", 0, MOST_SECONDS, false);
    r->device_tokens = vkh_fields_size(fields, run, "device_tokens", 0, VKH_READ_MOST);
    r->n_devices = (uint32_t)vkh_fields_size(fields, run, "devices", 1, MOST_DEVICES);
    read_regime(fields, run, &r->regime);
    read_memory(fields, run, &r->memory);
}

static void check_once(struct vkh_fields *fields, const struct vkh_object *run, const json_t *array,
                       const struct vkh_ppl_results *r, struct vkh_names *names)
{
    if (!vkh_names_sort(r->methods, r->n_methods, fields->arena, names))
        fields->status = vkh_fail(fields->log, VKH_ERR_MEMORY, "%s: out of memory", fields->path);
    for (uint32_t i = 0; i < r->n_methods && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "methods", array, i);
        if (vkh_names_find(names, r->methods[i]) != i)
            vkh_fields_fail(fields, &from, "method", "there twice");
    }
}

static void read_methods(struct vkh_fields *fields, const struct vkh_object *run,
                         struct vkh_names *names, struct vkh_ppl_results *r)
{
    const json_t *array = vkh_fields_array(fields, run, "methods", SIZE_MAX);
    const size_t n = json_array_size(array);
    r->methods = vkh_read_alloc(fields, n, sizeof(*r->methods));
    r->method_details = vkh_read_alloc(fields, n, sizeof(*r->method_details));
    if (array && (n == 0 || n > VKH_READ_MOST_METHODS))
        vkh_fields_fail(fields, run, "methods", "none, or more than 65536");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "methods", array, i);
        r->methods[i] = vkh_fields_string(fields, &from, "method", false);
        r->method_details[i] = (struct vkh_ppl_method){
            .applied = vkh_fields_string(fields, &from, "applied", false),
            .passes = (uint32_t)vkh_fields_size(fields, &from, "passes", 0, UINT32_MAX),
            .why = vkh_fields_string(fields, &from, "why", true),
            .device = vkh_fields_string(fields, &from, "device", false),
        };
    }
    r->n_methods = (uint32_t)n;
    if (fields->status == VKH_OK)
        check_once(fields, run, array, r, names);
}

static uint64_t read_digest(struct vkh_fields *fields, const struct vkh_object *from)
{
    const char *text = vkh_fields_string(fields, from, "digest", false);
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        vkh_fields_fail(fields, from, "digest", "not 16 hexadecimal digits");
    return strtoull(text, NULL, 16);
}

static void read_texts(struct vkh_fields *fields, const struct vkh_object *run,
                       struct vkh_ppl_results *r)
{
    const json_t *array = vkh_fields_array(fields, run, "texts", SIZE_MAX);
    const size_t n = json_array_size(array);
    uint64_t *tokens = vkh_read_alloc(fields, n, sizeof(*tokens)), sum = 0;
    uint32_t *used = vkh_read_alloc(fields, n, sizeof(*used));
    uint64_t *digests = vkh_read_alloc(fields, n, sizeof(*digests));
    r->text_names = vkh_read_alloc(fields, n, sizeof(*r->text_names));
    if (array && (n == 0 || n > VKH_READ_MOST_TOKENS))
        vkh_fields_fail(fields, run, "texts", "none, or too many");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "texts", array, i);
        r->text_names[i] = vkh_fields_string(fields, &from, "name", false);
        tokens[i] = vkh_fields_size(fields, &from, "tokens", 0, VKH_READ_MOST);
        used[i] = (uint32_t)vkh_fields_size(fields, &from, "used", 0, VKH_READ_MOST_TOKENS);
        digests[i] = read_digest(fields, &from);
        sum += tokens[i];
    }
    if (sum != r->tokens_available)
        vkh_fields_fail(fields, run, "tokens_available", "not the sum of the texts' tokens");
    r->text_tokens = tokens;
    r->text_used = used;
    r->text_digests = digests;
    r->n_texts = (uint32_t)n;
}

static void read_shard(struct vkh_fields *fields, const struct vkh_object *run,
                       struct vkh_ppl_results *r)
{
    struct vkh_ppl_block *block = &r->block;
    *block = (struct vkh_ppl_block){.all_texts = r->n_texts, .all_methods = r->n_methods};
    if (vkh_fields_is_null(run, "shard"))
        return;
    const struct vkh_object from = vkh_fields_object(fields, run, "shard");
    const uint32_t most = VKH_READ_MOST_TOKENS;
    block->shard.count = (uint32_t)vkh_fields_size(fields, &from, "count", 1, UINT32_MAX);
    block->shard.index = (uint32_t)vkh_fields_size(fields, &from, "index", 1, block->shard.count);
    block->all_texts = (uint32_t)vkh_fields_size(fields, &from, "all_texts", r->n_texts, most);
    block->all_methods =
        (uint32_t)vkh_fields_size(fields, &from, "all_methods", r->n_methods, most);
    if (fields->status != VKH_OK)
        return;
    block->first_text =
        (uint32_t)vkh_fields_size(fields, &from, "first_text", 0, block->all_texts - r->n_texts);
    block->first_method = (uint32_t)vkh_fields_size(fields, &from, "first_method", 0,
                                                    block->all_methods - r->n_methods);
}

static void read_run(struct vkh_fields *fields, const struct vkh_object *run,
                     struct vkh_ppl_results *results)
{
    struct vkh_names methods;
    read_head(fields, run, results);
    read_methods(fields, run, &methods, results);
    read_texts(fields, run, results);
    if (fields->status == VKH_OK)
        read_shard(fields, run, results);
    if (fields->status == VKH_OK)
        vkh_read_cells(fields, run, results);
    if (fields->status == VKH_OK)
        vkh_read_sweeps(fields, run, &methods, results);
    if (fields->status == VKH_OK)
        vkh_read_divergences(fields, run, &methods, results);
    if (fields->status == VKH_OK)
        vkh_read_curves(fields, run, results);
}

static void read_report(struct vkh_fields *fields, const json_t *root,
                        struct vkh_ppl_results *results)
{
    struct vkh_object run = {.json = root};
    if (!json_is_array(root)) {
        if (!json_is_object(root))
            vkh_fields_fail(fields, &run, "report", "neither an object nor an array of them");
        else
            read_run(fields, &run, results);
        return;
    }
    if (json_array_size(root) == 0)
        vkh_fields_fail(fields, &run, "report", "an empty array");
    struct vkh_ppl_results *at = results;
    for (size_t i = 0; i < json_array_size(root) && fields->status == VKH_OK; i++) {
        const struct vkh_object whole = {0};
        const struct vkh_object element = vkh_fields_element(fields, &whole, "", root, i);
        struct vkh_ppl_results *next = i ? vkh_read_alloc(fields, 1, sizeof(*next)) : results;
        if (i > 0)
            at->next = next;
        at = next;
        if (fields->status == VKH_OK)
            read_run(fields, &element, next);
    }
}

static enum vkh_status read_file(const char *path, const struct vkh_log *log, json_t **root)
{
    struct vkh_file file;
    json_error_t error;
    const enum vkh_status status = vkh_file_open(path, log, &file);
    if (status != VKH_OK)
        return status;
    *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    vkh_file_close(&file);
    return *root ? VKH_OK
                 : vkh_fail(log, VKH_ERR_FORMAT, "%s:%d:%d: not JSON: %s", path, error.line,
                            error.column, error.text);
}

enum vkh_status vkh_report_read(const char *path, const struct vkh_log *log,
                                struct vkh_ppl_results **results)
{
    json_t *root = NULL;
    struct vkh_c_locale locale;
    *results = NULL;
    struct vkh_owned_results *owned = calloc(1, sizeof(*owned));
    if (!owned)
        return vkh_fail(log, VKH_ERR_MEMORY, "%s: out of memory", path);
    struct vkh_ppl_results *made = &owned->results;
    struct vkh_fields fields = {path, log, &owned->arena, VKH_OK};
    fields.status = vkh_c_locale_enter(&locale, log);
    if (fields.status == VKH_OK) {
        fields.status = read_file(path, log, &root);
        if (fields.status == VKH_OK)
            read_report(&fields, root, made);
        json_decref(root);
        vkh_c_locale_leave(&locale);
    }
    if (fields.status == VKH_OK)
        *results = made;
    else
        vkh_ppl_results_destroy(&made);
    return fields.status;
}
